//! The outgoing queue of one connection, and the commands for its session's task.
//!
//! Every emit to the client puts frames into the outbox; only the session's task takes them out. One lock covers the frames and
//! the commands, so that a turn of the task sees all of them at once; it is held only to set flags and to move frames. While the
//! task is in a turn nothing wakes it, because it looks into the outbox again before its turn ends. The acks of a handler
//! therefore cost no wake-up.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use super::command::Command;
use crate::{frame::Frame, reason::DisconnectReason};

/// Bytes that a websocket takes at once. They count against the bound until all of them are written.
const BATCH_BYTES: usize = 256 * 1024;

/// What became of the frames of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnqueueOutcome {
    /// The frames are in the queue.
    Queued,
    /// The connection or the socket is closed, or the packet was volatile and the client not ready to receive.
    Dropped,
    /// The frames would exceed the bound: the client is a slow consumer, and its session's task will disconnect it.
    Overflow,
}

/// A request to end the session. When there are several, the one that is listed last here is served, and of two alike the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseRequest {
    /// The server disconnects the client. The protocol side may queue last frames.
    Disconnect,
    /// The server shuts down. What is queued is delivered.
    Shutdown(DisconnectReason),
    /// The connection ends at once; what is queued is dropped.
    Abort(DisconnectReason),
}

/// The outgoing queue of one connection, bounded in bytes, and the commands for its session's task.
pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    bytes_max: usize,
    /// Written by the session's task only, at the upgrade.
    websocket: AtomicBool,
    /// A POST of this session is under way. A second one at the same time is an error of the client.
    posting: AtomicBool,
}

struct OutboxState {
    queue: VecDeque<Frame>,
    /// The bytes in the queue, and those that the transport has taken but not written.
    bytes: usize,
    commands: Vec<Command>,
    waker: Option<Waker>,
    close_request: Option<CloseRequest>,
    /// The task is in a turn, and looks here again before the turn ends.
    in_turn: bool,
    /// The task was woken and has not begun its turn.
    woken: bool,
    /// `wake` was called since the turn began: the protocol side has to be polled again.
    protocol_woken: bool,
    /// The transport takes nothing now: the TCP buffer is full, or no poll is held. The transport wakes the task when that changes.
    blocked: bool,
    /// No frame is accepted any more.
    closed: bool,
    /// The task has ended.
    ended: bool,
}

impl OutboxState {
    fn wake(&mut self) {
        if self.in_turn || self.woken {
            return;
        }
        if let Some(waker) = &self.waker {
            self.woken = true;
            waker.wake_by_ref();
        }
    }

    fn request_close(&mut self, request: CloseRequest) {
        if self.close_request.is_none_or(|earlier| earlier.rank() < request.rank()) {
            self.close_request = Some(request);
        }
        self.wake();
    }
}

impl CloseRequest {
    fn rank(self) -> u8 {
        match self {
            Self::Disconnect => 0,
            Self::Shutdown(_) => 1,
            Self::Abort(_) => 2,
        }
    }
}

impl Outbox {
    pub(super) fn new(bytes_max: usize, websocket: bool) -> Self {
        let state = OutboxState {
            queue: VecDeque::new(),
            bytes: 0,
            commands: Vec::new(),
            waker: None,
            close_request: None,
            in_turn: false,
            woken: false,
            protocol_woken: false,
            blocked: false,
            closed: false,
            ended: false,
        };
        Self { state: Mutex::new(state), bytes_max, websocket: AtomicBool::new(websocket), posting: AtomicBool::new(false) }
    }

    /// Queues the frames of one packet, all together or not at all. `is_closed` belongs to the packet's socket and is read under
    /// the lock: nothing passes once it is set. A volatile packet is dropped unless nothing waits and the transport is ready.
    pub(crate) fn enqueue(&self, is_closed: &AtomicBool, frames: &[Frame], volatile: bool) -> EnqueueOutcome {
        let mut state = self.lock();
        // Relaxed: `is_closed` is only written under this lock.
        if state.closed || is_closed.load(Ordering::Relaxed) || volatile && (state.bytes > 0 || state.blocked) {
            return EnqueueOutcome::Dropped;
        }
        let length: usize = frames.iter().map(Frame::len).sum();
        if state.bytes.saturating_add(length) > self.bytes_max {
            state.closed = true;
            state.request_close(CloseRequest::Abort(DisconnectReason::SlowConsumer));
            return EnqueueOutcome::Overflow;
        }
        state.bytes += length;
        state.queue.extend(frames.iter().cloned());
        if !state.blocked {
            state.wake();
        }
        EnqueueOutcome::Queued
    }

    /// Queues the last frame of a socket and sets its `is_closed`, so that nothing can follow. Does nothing if it is set already.
    pub(crate) fn close_socket(&self, is_closed: &AtomicBool, last: Option<Frame>) {
        let mut state = self.lock();
        if is_closed.swap(true, Ordering::Relaxed) || state.closed {
            return;
        }
        if let Some(frame) = last {
            // One small frame beyond the bound does no harm: nothing of this socket can follow it.
            state.bytes += frame.len();
            state.queue.push_back(frame);
            if !state.blocked {
                state.wake();
            }
        }
    }

    /// Asks the session's task to close the connection, as the server's own decision ("forced close").
    pub(crate) fn close(&self) {
        self.lock().request_close(CloseRequest::Disconnect);
    }

    /// Makes the session's task poll its protocol side again.
    pub(crate) fn wake(&self) {
        let mut state = self.lock();
        state.protocol_woken = true;
        state.wake();
    }

    /// The transport in use: `polling` or `websocket`.
    pub(crate) fn transport(&self) -> &'static str {
        if self.is_websocket() { "websocket" } else { "polling" }
    }

    pub(super) fn is_websocket(&self) -> bool {
        self.websocket.load(Ordering::Acquire)
    }

    pub(super) fn set_websocket(&self) {
        self.websocket.store(true, Ordering::Release);
    }

    /// Asks for the end of the session; what is queued is delivered.
    pub(super) fn close_for_shutdown(&self, reason: DisconnectReason) {
        self.lock().request_close(CloseRequest::Shutdown(reason));
    }

    /// Asks for the end of the session at once; what is queued is dropped.
    pub(super) fn abort(&self, reason: DisconnectReason) {
        self.lock().request_close(CloseRequest::Abort(reason));
    }

    /// Queues a frame of the engine itself. It belongs to no socket, and no bound holds it back.
    pub(super) fn push_engine_frame(&self, frame: Frame) {
        let mut state = self.lock();
        state.bytes += frame.len();
        state.queue.push_back(frame);
    }

    /// Sends a command to the task. Returns the command if the session has ended.
    pub(super) fn send(&self, command: Command) -> Result<(), Command> {
        let mut state = self.lock();
        if state.ended {
            return Err(command);
        }
        state.commands.push(command);
        state.wake();
        Ok(())
    }

    /// Whether a POST may begin. `end_post` must follow.
    pub(super) fn begin_post(&self) -> bool {
        !self.posting.swap(true, Ordering::AcqRel)
    }

    /// Whether a POST is under way.
    pub(super) fn is_posting(&self) -> bool {
        self.posting.load(Ordering::Acquire)
    }

    pub(super) fn end_post(&self) {
        self.posting.store(false, Ordering::Release);
    }

    /// The task begins a turn, or goes on with one, and takes what was requested of it since.
    pub(super) fn begin_turn(&self, waker: &Waker) -> (Option<CloseRequest>, Vec<Command>) {
        let mut state = self.lock();
        state.in_turn = true;
        state.woken = false;
        state.protocol_woken = false;
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        (state.close_request.take(), mem::take(&mut state.commands))
    }

    /// Ends the turn. False if something arrived meanwhile; then the turn goes on.
    pub(super) fn end_turn(&self, blocked: bool) -> bool {
        let mut state = self.lock();
        state.blocked = blocked;
        if state.close_request.is_some()
            || state.protocol_woken
            || !state.commands.is_empty()
            || !blocked && !state.queue.is_empty()
        {
            return false;
        }
        if state.queue.is_empty() && state.queue.capacity() > 0 {
            state.queue = VecDeque::new();
        }
        state.in_turn = false;
        true
    }

    /// Fills `batch`, which is empty, for a websocket. The `written` bytes of the batch before count no longer. Returns the bytes
    /// of the new batch.
    pub(super) fn refill(&self, batch: &mut VecDeque<Frame>, written: usize) -> usize {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(written);
        if state.bytes <= BATCH_BYTES {
            mem::swap(batch, &mut state.queue);
            return state.bytes;
        }
        let mut taken = 0;
        while taken < BATCH_BYTES {
            let Some(frame) = state.queue.pop_front() else { break };
            taken += frame.len();
            batch.push_back(frame);
        }
        taken
    }

    /// Takes the frames that fit into a polling body of `length_max` bytes, at least one frame.
    pub(super) fn take_for_body(&self, length_max: usize, measure: fn(&Frame) -> usize) -> VecDeque<Frame> {
        let mut state = self.lock();
        let (mut taken, mut length) = (VecDeque::new(), 0);
        while let Some(next) = state.queue.front() {
            length += measure(next);
            if length > length_max && !taken.is_empty() {
                break;
            }
            let Some(frame) = state.queue.pop_front() else { break };
            state.bytes = state.bytes.saturating_sub(frame.len());
            taken.push_back(frame);
        }
        taken
    }

    /// Accepts no frame any more. What is in the queue is still delivered, unless it is to be discarded.
    pub(super) fn refuse_frames(&self, discard: bool) {
        let mut state = self.lock();
        state.closed = true;
        if discard {
            let queue = mem::take(&mut state.queue);
            state.bytes = 0;
            drop(state);
            drop(queue);
        }
    }

    /// The task has ended. Returns the commands that it has not seen.
    pub(super) fn task_ended(&self) -> Vec<Command> {
        let mut state = self.lock();
        state.closed = true;
        state.ended = true;
        let unsent = (mem::take(&mut state.queue), state.waker.take());
        let commands = mem::take(&mut state.commands);
        drop(state);
        drop(unsent);
        commands
    }

    fn lock(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        task::Wake,
    };

    use super::*;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn open() -> AtomicBool {
        AtomicBool::new(false)
    }

    fn frame() -> Frame {
        Frame::text(&[b"12345678"])
    }

    #[test]
    fn past_the_bound_nothing_is_taken_and_the_connection_is_marked() {
        let outbox = Outbox::new(25, true);
        assert_eq!(outbox.enqueue(&open(), &[frame(), frame()], false), EnqueueOutcome::Queued);
        assert_eq!(outbox.enqueue(&open(), &[frame()], false), EnqueueOutcome::Overflow);
        assert_eq!(outbox.enqueue(&open(), &[Frame::text(&[])], false), EnqueueOutcome::Dropped);
        let (request, _) = outbox.begin_turn(Waker::noop());
        assert_eq!(request, Some(CloseRequest::Abort(DisconnectReason::SlowConsumer)));
    }

    #[test]
    fn the_frames_of_a_packet_go_together_or_not_at_all() {
        let outbox = Outbox::new(25, true);
        assert_eq!(outbox.enqueue(&open(), &[frame(), frame(), frame()], false), EnqueueOutcome::Overflow);
        assert_eq!(outbox.take_for_body(100, Frame::len).len(), 0);
    }

    #[test]
    fn written_bytes_make_room() {
        let outbox = Outbox::new(25, true);
        let mut batch = VecDeque::new();
        assert_eq!(outbox.enqueue(&open(), &[frame(), frame()], false), EnqueueOutcome::Queued);
        let written = outbox.refill(&mut batch, 0);
        assert_eq!((batch.len(), written), (2, 20));
        batch.clear();
        outbox.refill(&mut batch, written);
        assert_eq!(outbox.enqueue(&open(), &[frame(), frame()], false), EnqueueOutcome::Queued);
    }

    #[test]
    fn nothing_follows_the_last_frame_of_a_socket() {
        let outbox = Outbox::new(1000, true);
        let (gone, other) = (open(), open());
        outbox.close_socket(&gone, Some(Frame::text(&[b"41"])));
        outbox.close_socket(&gone, Some(Frame::text(&[b"41"])));
        assert_eq!(outbox.enqueue(&gone, &[frame()], false), EnqueueOutcome::Dropped);
        assert_eq!(outbox.enqueue(&other, &[frame()], false), EnqueueOutcome::Queued);
        assert_eq!(outbox.take_for_body(1000, Frame::len), [Frame::text(&[b"41"]), frame()]);
    }

    #[test]
    fn volatile_is_dropped_unless_nothing_waits_and_the_transport_is_ready() {
        let outbox = Outbox::new(1000, true);
        assert_eq!(outbox.enqueue(&open(), &[frame()], true), EnqueueOutcome::Queued);
        assert_eq!(outbox.enqueue(&open(), &[frame()], true), EnqueueOutcome::Dropped);
        let mut batch = VecDeque::new();
        let taken = outbox.refill(&mut batch, 0);
        assert_eq!(outbox.enqueue(&open(), &[frame()], true), EnqueueOutcome::Dropped, "taken, but not written");
        batch.clear();
        outbox.refill(&mut batch, taken);
        assert!(outbox.end_turn(true));
        assert_eq!(outbox.enqueue(&open(), &[frame()], true), EnqueueOutcome::Dropped, "no poll");
        assert!(outbox.end_turn(false));
        assert_eq!(outbox.enqueue(&open(), &[frame()], true), EnqueueOutcome::Queued);
    }

    #[test]
    fn a_task_is_woken_only_between_turns_and_only_once() {
        let outbox = Outbox::new(1000, true);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        outbox.begin_turn(&waker);
        outbox.enqueue(&open(), &[frame()], false);
        assert_eq!(count.0.load(SeqCst), 0);
        assert!(!outbox.end_turn(false), "the queue is not empty");
        outbox.take_for_body(1000, Frame::len);
        assert!(outbox.end_turn(false));
        outbox.enqueue(&open(), &[frame()], false);
        outbox.enqueue(&open(), &[frame()], false);
        assert_eq!(count.0.load(SeqCst), 1);
        outbox.begin_turn(&waker);
        assert!(outbox.end_turn(true));
        outbox.enqueue(&open(), &[frame()], false);
        assert_eq!(count.0.load(SeqCst), 1, "a blocked transport wakes the task itself");
        outbox.close();
        assert_eq!(count.0.load(SeqCst), 2);
    }

    #[test]
    fn a_body_takes_what_fits_but_at_least_one() {
        let outbox = Outbox::new(1000, false);
        outbox.enqueue(&open(), &[frame(), frame(), frame()], false);
        assert_eq!(outbox.take_for_body(1, Frame::len).len(), 1);
        assert_eq!(outbox.take_for_body(20, Frame::len).len(), 2);
    }
}
