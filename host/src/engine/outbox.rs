//! What waits for one client, and what waits for its session's task.
//!
//! Everybody who emits holds the outbox; the session's task alone takes out of it. One lock, held only to mark and to put,
//! covers both the queue and the mailbox, so that a turn of the task looks at all of it at once. While the task is in its
//! turn nobody wakes it: it looks again before it rests. A handler's acks therefore cost no wake-up.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use super::{Reason, polling::Mail};
use crate::frame::Frame;

/// How much a websocket takes at once. Bytes count against the bound until all that was taken is written.
const BATCH_BYTES: usize = 256 * 1024;

/// What became of the frames of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// They stand in the queue.
    Queued,
    /// The connection or the socket is gone, or the packet was volatile and the client not ready.
    Dropped,
    /// They would pass the bound: the client is a slow consumer and will be disconnected by its own task.
    Overflow,
}

/// What others want of the session. A later one counts for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// The server disconnects the client.
    Close,
    /// The server shuts down.
    Stop(Reason),
    /// The connection is dead, whatever stands in its buffers.
    Dead(Reason),
}

/// Outgoing queue of one connection, bounded in bytes, shared with whoever emits.
pub(crate) struct Outbox {
    state: Mutex<State>,
    bytes_max: usize,
    /// Written by the session's task only, at the upgrade.
    websocket: AtomicBool,
    /// A POST of this session is under way; a second one is an error of the client.
    posting: AtomicBool,
}

struct State {
    queue: VecDeque<Frame>,
    /// Of the queue and of what the transport has taken but not written.
    bytes: usize,
    mail: Vec<Mail>,
    waker: Option<Waker>,
    wish: Option<Wish>,
    /// The task is in its turn and looks here again before it rests.
    turn: bool,
    /// The task was woken and has not begun its turn.
    woken: bool,
    /// The socket side has something to see that came after the turn's look at it.
    nudged: bool,
    /// The transport takes nothing now: a full socket, or no poll. It wakes the task itself when it does.
    blocked: bool,
    /// Nothing is taken any more.
    sealed: bool,
    /// The task has ended.
    ended: bool,
}

impl State {
    fn wake(&mut self) {
        if self.turn || self.woken {
            return;
        }
        if let Some(waker) = &self.waker {
            self.woken = true;
            waker.wake_by_ref();
        }
    }

    fn wish(&mut self, wish: Wish) {
        self.wish = self.wish.max(Some(wish));
        self.wake();
    }
}

impl Outbox {
    pub(super) fn new(bytes_max: usize, websocket: bool) -> Self {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            mail: Vec::new(),
            waker: None,
            wish: None,
            turn: false,
            woken: false,
            nudged: false,
            blocked: false,
            sealed: false,
            ended: false,
        };
        Self { state: Mutex::new(state), bytes_max, websocket: AtomicBool::new(websocket), posting: AtomicBool::new(false) }
    }

    /// Queues the frames of one packet, all together or not at all. Nothing passes once `shut` is set; it is looked at
    /// under the lock. A volatile packet is dropped unless nothing waits and the transport is ready.
    pub(crate) fn put(&self, shut: &AtomicBool, frames: &[Frame], volatile: bool) -> Put {
        let mut state = self.lock();
        // Relaxed: `shut` is only written under this lock.
        if state.sealed || shut.load(Ordering::Relaxed) || volatile && (state.bytes > 0 || state.blocked) {
            return Put::Dropped;
        }
        let length: usize = frames.iter().map(Frame::len).sum();
        if state.bytes.saturating_add(length) > self.bytes_max {
            state.sealed = true;
            state.wish(Wish::Dead("slow consumer"));
            return Put::Overflow;
        }
        state.bytes += length;
        state.queue.extend(frames.iter().cloned());
        if !state.blocked {
            state.wake();
        }
        Put::Queued
    }

    /// Sets `shut`, so that nothing can follow, after queueing `last`. Does nothing if it is set already.
    pub(crate) fn shut(&self, shut: &AtomicBool, last: Option<Frame>) {
        let mut state = self.lock();
        if shut.swap(true, Ordering::Relaxed) || state.sealed {
            return;
        }
        if let Some(frame) = last {
            // One small frame past the bound does no harm: nothing of this socket can follow it.
            state.bytes += frame.len();
            state.queue.push_back(frame);
            if !state.blocked {
                state.wake();
            }
        }
    }

    /// Marks the connection to be closed by the server's will; its task does the rest.
    pub(crate) fn close(&self) {
        self.lock().wish(Wish::Close);
    }

    /// Makes the task look at its socket side once more.
    pub(crate) fn wake(&self) {
        let mut state = self.lock();
        state.nudged = true;
        state.wake();
    }

    /// The transport in use: `polling` or `websocket`.
    pub(crate) fn transport(&self) -> &'static str {
        if self.is_websocket() { "websocket" } else { "polling" }
    }

    pub(super) fn is_websocket(&self) -> bool {
        self.websocket.load(Ordering::Acquire)
    }

    pub(super) fn upgraded(&self) {
        self.websocket.store(true, Ordering::Release);
    }

    /// Ends the session, delivering what is queued.
    pub(super) fn stop(&self, reason: Reason) {
        self.lock().wish(Wish::Stop(reason));
    }

    /// Ends the session at once.
    pub(super) fn kill(&self, reason: Reason) {
        self.lock().wish(Wish::Dead(reason));
    }

    /// A frame of the engine itself, which no socket's `shut` and no bound holds back.
    pub(super) fn own(&self, frame: Frame) {
        let mut state = self.lock();
        state.bytes += frame.len();
        state.queue.push_back(frame);
    }

    /// Hands a request to the task. Gives it back if the session has ended.
    pub(super) fn mail(&self, mail: Mail) -> Result<(), Mail> {
        let mut state = self.lock();
        if state.ended {
            return Err(mail);
        }
        state.mail.push(mail);
        state.wake();
        Ok(())
    }

    /// Whether a POST may begin. `posted` ends it.
    pub(super) fn post(&self) -> bool {
        !self.posting.swap(true, Ordering::AcqRel)
    }

    pub(super) fn posted(&self) {
        self.posting.store(false, Ordering::Release);
    }

    /// The task begins a turn, or goes on with one, and takes what was put in its mailbox.
    pub(super) fn news(&self, waker: &Waker) -> (Option<Wish>, Vec<Mail>) {
        let mut state = self.lock();
        state.turn = true;
        state.woken = false;
        state.nudged = false;
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        (state.wish.take(), mem::take(&mut state.mail))
    }

    /// The task wants to rest. False if something came meanwhile; then it goes on.
    pub(super) fn rest(&self, blocked: bool) -> bool {
        let mut state = self.lock();
        state.blocked = blocked;
        if state.wish.is_some() || state.nudged || !state.mail.is_empty() || !blocked && !state.queue.is_empty() {
            return false;
        }
        if state.queue.is_empty() && state.queue.capacity() > 0 {
            state.queue = VecDeque::new();
        }
        state.turn = false;
        true
    }

    /// Fills `batch`, which is empty, for a websocket. `written` bytes of the last one are off the books now.
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

    /// Takes what fits in a polling body of `length_max`, at least one frame.
    pub(super) fn take(&self, length_max: usize, measure: fn(&Frame) -> usize) -> VecDeque<Frame> {
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

    /// Takes nothing any more. What stands in the queue is still delivered, unless it is to be discarded.
    pub(super) fn seal(&self, discard: bool) {
        let mut state = self.lock();
        state.sealed = true;
        if discard {
            let queue = mem::take(&mut state.queue);
            state.bytes = 0;
            drop(state);
            drop(queue);
        }
    }

    /// The task has ended: whoever waits in the mailbox is told by the drop of his sender.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.sealed = true;
        state.ended = true;
        let left = (mem::take(&mut state.queue), mem::take(&mut state.mail), state.waker.take());
        drop(state);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
        assert_eq!(outbox.put(&open(), &[frame(), frame()], false), Put::Queued);
        assert_eq!(outbox.put(&open(), &[frame()], false), Put::Overflow);
        assert_eq!(outbox.put(&open(), &[Frame::text(&[])], false), Put::Dropped);
        let (wish, _) = outbox.news(Waker::noop());
        assert_eq!(wish, Some(Wish::Dead("slow consumer")));
    }

    #[test]
    fn the_frames_of_a_packet_go_together_or_not_at_all() {
        let outbox = Outbox::new(25, true);
        assert_eq!(outbox.put(&open(), &[frame(), frame(), frame()], false), Put::Overflow);
        assert_eq!(outbox.take(100, Frame::len).len(), 0);
    }

    #[test]
    fn written_bytes_make_room() {
        let outbox = Outbox::new(25, true);
        let mut batch = VecDeque::new();
        assert_eq!(outbox.put(&open(), &[frame(), frame()], false), Put::Queued);
        let written = outbox.refill(&mut batch, 0);
        assert_eq!((batch.len(), written), (2, 20));
        batch.clear();
        outbox.refill(&mut batch, written);
        assert_eq!(outbox.put(&open(), &[frame(), frame()], false), Put::Queued);
    }

    #[test]
    fn nothing_follows_the_last_frame_of_a_socket() {
        let outbox = Outbox::new(1000, true);
        let (gone, other) = (open(), open());
        outbox.shut(&gone, Some(Frame::text(&[b"41"])));
        outbox.shut(&gone, Some(Frame::text(&[b"41"])));
        assert_eq!(outbox.put(&gone, &[frame()], false), Put::Dropped);
        assert_eq!(outbox.put(&other, &[frame()], false), Put::Queued);
        assert_eq!(outbox.take(1000, Frame::len), [Frame::text(&[b"41"]), frame()]);
    }

    #[test]
    fn volatile_is_dropped_unless_nothing_waits_and_the_transport_is_ready() {
        let outbox = Outbox::new(1000, true);
        assert_eq!(outbox.put(&open(), &[frame()], true), Put::Queued);
        assert_eq!(outbox.put(&open(), &[frame()], true), Put::Dropped);
        let mut batch = VecDeque::new();
        let taken = outbox.refill(&mut batch, 0);
        assert_eq!(outbox.put(&open(), &[frame()], true), Put::Dropped, "taken, but not written");
        batch.clear();
        outbox.refill(&mut batch, taken);
        assert!(outbox.rest(true));
        assert_eq!(outbox.put(&open(), &[frame()], true), Put::Dropped, "no poll");
        assert!(outbox.rest(false));
        assert_eq!(outbox.put(&open(), &[frame()], true), Put::Queued);
    }

    #[test]
    fn only_a_resting_task_is_woken_and_only_once() {
        let outbox = Outbox::new(1000, true);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        outbox.news(&waker);
        outbox.put(&open(), &[frame()], false);
        assert_eq!(count.0.load(SeqCst), 0);
        assert!(!outbox.rest(false), "the queue is not empty");
        outbox.take(1000, Frame::len);
        assert!(outbox.rest(false));
        outbox.put(&open(), &[frame()], false);
        outbox.put(&open(), &[frame()], false);
        assert_eq!(count.0.load(SeqCst), 1);
        outbox.news(&waker);
        assert!(outbox.rest(true));
        outbox.put(&open(), &[frame()], false);
        assert_eq!(count.0.load(SeqCst), 1, "a blocked transport wakes the task itself");
        outbox.close();
        assert_eq!(count.0.load(SeqCst), 2);
    }

    #[test]
    fn a_body_takes_what_fits_but_at_least_one() {
        let outbox = Outbox::new(1000, false);
        outbox.put(&open(), &[frame(), frame(), frame()], false);
        assert_eq!(outbox.take(1, Frame::len).len(), 1);
        assert_eq!(outbox.take(20, Frame::len).len(), 2);
    }
}
