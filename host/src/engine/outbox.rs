//! The outgoing queue of one connection, and the commands for its session's task.
//!
//! Every emit to the client puts frames into the outbox; only the session's task takes them out. One lock covers the frames and
//! the commands, so that a turn of the task sees all of them at once; it is held only to set flags and to move frames. While the
//! task is in a turn nothing wakes it, because it looks into the outbox again before its turn ends. The acks of a handler
//! therefore cost no wake-up.

mod queue;

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Duration,
};

use tokio::time::Instant;

use self::queue::{MakeRoom, Queue};
use super::{command::Command, http_stream::Notes};
use crate::{
    event_loops::EventLoop,
    frame::{Frame, SocketShare},
    limit_hits::LimitHit,
    reason::DisconnectReason,
    waiting_bytes::{Waiting, WaitingBytes},
};

/// Bytes of a queue that its transport will take at once. They count among the bytes of all connections only if it does not.
const READY_BYTES: usize = 64 * 1024;

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
    /// The same, because the client does not read; the limit says how that was found.
    Slow(LimitHit),
}

/// The outgoing queue of one connection, bounded in bytes, and the commands for its session's task.
pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    /// The bytes that wait in all outboxes of the host.
    waiting: Arc<WaitingBytes>,
    /// Written by the session's task only, at the upgrade.
    websocket: AtomicBool,
    /// A POST of this session is under way. A second one at the same time is an error of the client.
    posting: AtomicBool,
    /// The number of the connection in the log.
    connection: u64,
}

struct OutboxState {
    queue: Queue,
    /// What was received of the client and has not been handled.
    received: Option<Waiting>,
    /// The HTTP connection on which the last response to a poll is being written.
    response: Option<Arc<Notes>>,
    commands: Vec<Command>,
    waker: Option<Waker>,
    /// The loop that runs the session's task.
    event_loop: Arc<EventLoop>,
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
            self.event_loop.wake(waker);
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
            Self::Abort(_) | Self::Slow(_) => 2,
        }
    }
}

impl Outbox {
    /// `connection`: the number of the connection in the log.
    pub(super) fn new(
        bytes_max: usize,
        waiting: Arc<WaitingBytes>,
        websocket: bool,
        connection: u64,
        event_loop: Arc<EventLoop>,
    ) -> Self {
        let state = OutboxState {
            queue: Queue::new(bytes_max),
            received: None,
            response: None,
            commands: Vec::new(),
            waker: None,
            event_loop,
            close_request: None,
            in_turn: false,
            woken: false,
            protocol_woken: false,
            blocked: false,
            closed: false,
            ended: false,
        };
        let (websocket, posting) = (AtomicBool::new(websocket), AtomicBool::new(false));
        Self { state: Mutex::new(state), waiting, websocket, posting, connection }
    }

    /// The number of the connection in the log.
    pub(crate) const fn connection(&self) -> u64 {
        self.connection
    }

    /// Makes the part of a new socket. It is open until `close_socket`.
    pub(crate) fn open_socket(&self) -> SocketShare {
        self.lock().queue.open()
    }

    /// How many sockets are open.
    pub(super) fn open_sockets(&self) -> usize {
        self.lock().queue.open_sockets()
    }

    /// Queues the frames of one packet, all together or not at all. Nothing passes for a socket that is closed. A volatile packet is
    /// dropped unless nothing waits and the transport is ready.
    ///
    /// Over the bound the socket for which the most waits is disconnected, if the connection has others; else the connection is.
    pub(crate) fn enqueue(&self, owner: SocketShare, frames: &[Frame], volatile: bool) -> EnqueueOutcome {
        // Dropped behind the lock: it may be long.
        let mut evicted = VecDeque::new();
        let mut state = self.lock();
        if state.closed || !state.queue.is_open(owner) || volatile && (state.queue.bytes() > 0 || state.blocked) {
            return EnqueueOutcome::Dropped;
        }
        let received = state.received.as_ref().map_or(0, Waiting::bytes);
        match state.queue.make_room(owner, frames.iter().map(Frame::cost).sum(), received, &mut evicted) {
            MakeRoom::Fits => {}
            MakeRoom::Evicted(fullest) => {
                state.commands.push(Command::DisconnectSocket(fullest));
                state.wake();
            }
            MakeRoom::Full => {
                state.closed = true;
                state.request_close(CloseRequest::Slow(LimitHit::OutboxBytes));
                return EnqueueOutcome::Overflow;
            }
        }
        if !state.queue.is_open(owner) {
            return EnqueueOutcome::Dropped;
        }
        if state.blocked || state.queue.bytes() >= READY_BYTES {
            frames.iter().for_each(|frame| frame.count_as_waiting(&self.waiting));
        }
        state.queue.push(owner, frames);
        if !state.blocked {
            state.wake();
        }
        EnqueueOutcome::Queued
    }

    /// Queues the last frame of a socket and closes its part, so that nothing can follow. Does nothing if it is closed already.
    pub(crate) fn close_socket(&self, owner: SocketShare, last: Option<Frame>) {
        let mut state = self.lock();
        if !state.queue.close(owner) || state.closed {
            return;
        }
        if let Some(frame) = last {
            // One small frame beyond the bound does no harm: nothing of this socket can follow it.
            state.queue.push(SocketShare::CONNECTION, &[frame]);
            if !state.blocked {
                state.wake();
            }
        }
    }

    /// Asks the session's task to close the connection, as the server's own decision ("forced close").
    pub(crate) fn close(&self) {
        self.lock().request_close(CloseRequest::Disconnect);
    }

    /// Wakes a task that is not the session's, when the tasks of its loop that are ready have run.
    pub(crate) fn wake_other(&self, task: Waker) {
        let event_loop = Arc::clone(&self.lock().event_loop);
        event_loop.wake_other(task);
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

    /// Asks for the end of the session, because too much waits in several outboxes together.
    pub(super) fn relieve(&self, limit: LimitHit) {
        self.lock().request_close(CloseRequest::Slow(limit));
    }

    /// Queues a frame of the engine itself. It belongs to no socket, and no bound holds it back.
    pub(super) fn push_engine_frame(&self, frame: Frame) {
        self.lock().queue.push(SocketShare::CONNECTION, &[frame]);
    }

    /// Bytes that wait for the client, those that the transport has taken and not written included, and bytes of the client that wait
    /// to be handled.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let state = self.lock();
        (state.queue.bytes(), state.received.as_ref().map_or(0, Waiting::bytes))
    }

    /// So many bytes were received of the client and have not been handled.
    pub(crate) fn count_received(&self, bytes: usize) {
        let mut state = self.lock();
        // First, so that nothing counts twice.
        state.received = None;
        state.received = (bytes > 0).then(|| self.waiting.add(bytes));
    }

    /// The count of the bytes that wait in all outboxes.
    pub(super) fn waiting(&self) -> &Arc<WaitingBytes> {
        &self.waiting
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
        if blocked && !state.blocked {
            state.queue.count_as_waiting(&self.waiting);
        }
        state.blocked = blocked;
        if state.close_request.is_some()
            || state.protocol_woken
            || !state.commands.is_empty()
            || !blocked && !state.queue.is_empty()
        {
            return false;
        }
        state.queue.shrink();
        state.in_turn = false;
        true
    }

    /// Fills `batch`, which is empty, for a websocket. The `written` bytes of the batch before count no longer. Returns the bytes
    /// of the new batch.
    pub(super) fn refill(&self, batch: &mut VecDeque<Frame>, written: usize) -> usize {
        self.lock().queue.refill(batch, written)
    }

    /// Takes the frames that fit into a polling body of `length_max` bytes, at least one frame, and their cost. They count until
    /// `body_dropped`.
    pub(super) fn take_for_body(&self, length_max: usize) -> (VecDeque<Frame>, usize) {
        self.lock().queue.take(length_max)
    }

    /// A body has been written, or is not going to be.
    pub(super) fn body_dropped(&self, bytes: usize) {
        let mut state = self.lock();
        state.queue.left(bytes);
        state.response = None;
    }

    /// The response to a poll is being written on this HTTP connection.
    pub(super) fn set_response(&self, connection: &Arc<Notes>) {
        self.lock().response = Some(Arc::clone(connection));
    }

    /// Ends the HTTP connection on which a response to a poll is being written, if there is one.
    pub(super) fn cut_response(&self) {
        if let Some(connection) = self.lock().response.take() {
            connection.cut();
        }
    }

    /// By when all that waits now has to have left, if anything waits. Only a client that takes something in time moves it.
    pub(super) fn drain_deadline(&self, timeout: Duration) -> Option<Instant> {
        self.lock().queue.drain_deadline(Instant::now(), timeout)
    }

    /// Accepts no frame any more. What is in the queue is still delivered, unless it is to be discarded.
    pub(super) fn refuse_frames(&self, discard: bool) {
        let mut state = self.lock();
        state.closed = true;
        if discard {
            let frames = state.queue.discard();
            drop(state);
            drop(frames);
        }
    }

    /// The task has ended. Returns the commands that it has not seen.
    pub(super) fn task_ended(&self) -> Vec<Command> {
        let mut state = self.lock();
        state.closed = true;
        state.ended = true;
        let unsent = (state.queue.discard(), state.waker.take());
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
mod tests;
