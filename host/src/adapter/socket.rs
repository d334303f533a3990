//! One socket: who it is, what it carries, what it has open.
//!
//! The record outlives the socket's stay in the namespace: what it was in stays readable until its last `disconnect` handler
//! has returned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Namespace, Packet, Question, Sink, SocketId};
use crate::json::Payload;
use crate::request::Request;

/// How the client came in.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// Shared by all sockets of the connection.
    pub(crate) request: Arc<Request>,
    /// `auth` of the CONNECT packet: a JSON object.
    pub(crate) auth: Option<Box<str>>,
    /// Milliseconds since 1970.
    pub(crate) issued_ms: u64,
}

/// Where a socket is in its life. It only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SocketState {
    /// Its `connect` has not been sent; nobody can reach it.
    Pending,
    /// In the namespace.
    Joined,
    /// Out of it, or refused.
    Left,
}

/// A socket. Shared by the namespace, its connection's task and whatever call is about it.
pub(crate) struct Socket {
    id: SocketId,
    namespace: Arc<Namespace>,
    handshake: Handshake,
    sink: Arc<dyn Sink>,
    /// Written under the namespace's lock (or by the connection's task while pending), read anywhere.
    state: AtomicU8,
    /// Read and written under the sink's lock: once it is set, nothing more is queued for this socket.
    is_closed: AtomicBool,
    /// Rooms that it is in, besides its own. Written under the namespace's lock; read without, as an estimate.
    rooms: AtomicUsize,
    /// Whether there are due_timers; saves the lock in every turn of the connection.
    has_new_due_timers: AtomicBool,
    /// A leaf in the order of locks.
    guarded: Mutex<Guarded>,
}

#[derive(Default)]
struct Guarded {
    /// `socket.data`: JSON by key.
    data: BTreeMap<Box<str>, Box<str>>,
    /// Acks that the client waits for, by its own ids. Ids grow, so the first is the oldest.
    open_acks: BTreeSet<u64>,
    /// Questions that the client has not answered, by our ids.
    questions: Vec<(u64, Arc<Question>)>,
    /// Errands that have not begun, by number, in the order in which they came; and how many ever came.
    due_timers: Vec<(u64, DueTimer)>,
    due_timers_added: u64,
    /// The numbers that the socket's queue has not seen.
    new_due_timers: Vec<u64>,
    /// What the socket was in when it left, and why it left.
    disconnection: Option<Disconnection>,
}

/// Something that a socket's queue has to do besides the client's events: a timer of a plugin that is due.
pub(crate) struct DueTimer {
    pub(crate) plugin: Arc<str>,
    pub(crate) name: Box<str>,
    pub(crate) data: Box<str>,
}

impl DueTimer {
    fn is(&self, plugin: &str, name: &str) -> bool {
        *self.plugin == *plugin && *self.name == *name
    }
}

struct Disconnection {
    reason: &'static str,
    rooms: Vec<Arc<str>>,
}

impl Socket {
    /// A pending socket.
    pub(crate) fn new(id: SocketId, namespace: Arc<Namespace>, handshake: Handshake, sink: Arc<dyn Sink>) -> Self {
        let (state, is_closed) = (AtomicU8::new(SocketState::Pending as u8), AtomicBool::new(false));
        Self {
            id,
            namespace,
            handshake,
            sink,
            state,
            is_closed,
            rooms: AtomicUsize::new(0),
            has_new_due_timers: AtomicBool::new(false),
            guarded: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> SocketId {
        self.id
    }

    pub(crate) fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }

    pub(crate) fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    pub(crate) fn sink(&self) -> &Arc<dyn Sink> {
        &self.sink
    }

    pub(crate) fn state(&self) -> SocketState {
        // Acquire pairs with `set_state`: who sees `Left` also sees the disconnection.
        match self.state.load(Ordering::Acquire) {
            0 => SocketState::Pending,
            1 => SocketState::Joined,
            _ => SocketState::Left,
        }
    }

    pub(super) fn set_state(&self, state: SocketState) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Rooms that it is in, besides its own, a moment ago.
    pub(crate) fn room_count(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }

    pub(super) fn set_room_count(&self, rooms: usize) {
        self.rooms.store(rooms, Ordering::Relaxed);
    }

    /// Queues a packet for the client. Does nothing once the socket has left.
    pub(crate) fn enqueue(&self, packet: &Packet, volatile: bool) {
        self.sink.enqueue(&self.is_closed, packet, volatile);
    }

    pub(super) fn close(&self, last: Option<crate::frame::Frame>) {
        self.sink.close_socket(&self.is_closed, last);
    }

    /// Why the socket left, once it has.
    pub(crate) fn disconnect_reason(&self) -> Option<&'static str> {
        if self.state() != SocketState::Left {
            return None;
        }
        self.lock().disconnection.as_ref().map(|disconnection| disconnection.reason)
    }

    /// The rooms that it was in when it left.
    pub(crate) fn last_rooms(&self) -> Option<Vec<Arc<str>>> {
        self.lock().disconnection.as_ref().map(|disconnection| disconnection.rooms.clone())
    }

    /// Notes why it left and what it was in, and ends the questions that it did not answer.
    pub(super) fn disconnect(&self, reason: &'static str, rooms: Vec<Arc<str>>) {
        let questions = {
            let mut guarded = self.lock();
            guarded.disconnection = Some(Disconnection { reason, rooms });
            guarded.open_acks.clear();
            guarded.due_timers = Vec::new();
            std::mem::take(&mut guarded.questions)
        };
        self.set_state(SocketState::Left);
        for (_, question) in questions {
            question.disconnected(self.id);
        }
    }

    /// Puts an errand in the socket's queue, and wakes its connection. Dropped if the socket has left, and if the same one is still
    /// waiting there: a timer that is late comes once.
    pub(crate) fn add_due_timer(&self, timer: DueTimer) {
        {
            let mut guarded = self.lock();
            let waits = guarded.due_timers.iter().any(|(_, other)| other.is(&timer.plugin, &timer.name));
            if guarded.disconnection.is_some() || waits {
                return;
            }
            guarded.due_timers_added += 1;
            let number = guarded.due_timers_added;
            guarded.due_timers.push((number, timer));
            guarded.new_due_timers.push(number);
            // Release pairs with `take_new_due_timers`. The lock orders the errand itself.
            self.has_new_due_timers.store(true, Ordering::Release);
        }
        self.sink.wake();
    }

    /// The numbers of the due_timers that were posted since the last time.
    pub(crate) fn take_new_due_timers(&self) -> Vec<u64> {
        // Asked in every turn of the connection, so it is only read where there is nothing. Before the lock: what is posted after
        // it sets the flag again.
        if !self.has_new_due_timers.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.has_new_due_timers.store(false, Ordering::Relaxed);
        std::mem::take(&mut self.lock().new_due_timers)
    }

    /// An errand begins, unless it was revoked or the socket has left.
    pub(crate) fn begin_due_timer(&self, number: u64) -> Option<DueTimer> {
        let mut guarded = self.lock();
        let index = guarded.due_timers.iter().position(|(other, _)| *other == number)?;
        Some(guarded.due_timers.remove(index).1)
    }

    /// Takes an errand back that has not begun.
    pub(crate) fn cancel_due_timer(&self, plugin: &str, name: &str) {
        self.lock().due_timers.retain(|(_, timer)| !timer.is(plugin, name));
    }

    /// Calls `read` with `socket.data`.
    pub(crate) fn with_data<T>(&self, read: impl FnOnce(&BTreeMap<Box<str>, Box<str>>) -> T) -> T {
        read(&self.lock().data)
    }

    /// Sets or removes one key of `socket.data`. Does nothing once the socket has left.
    pub(crate) fn set_data(&self, key: &str, value: Option<Box<str>>) {
        if self.state() == SocketState::Left {
            return;
        }
        let mut guarded = self.lock();
        match value {
            Some(value) => drop(guarded.data.insert(key.into(), value)),
            None => drop(guarded.data.remove(key)),
        }
    }

    /// The client waits for an ack under this id. Past `most` the oldest is forgotten.
    pub(crate) fn open_ack(&self, ack: u64, most: usize) {
        let mut guarded = self.lock();
        guarded.open_acks.insert(ack);
        if guarded.open_acks.len() > most {
            guarded.open_acks.pop_first();
        }
    }

    /// Whether the client still waits for this ack.
    pub(crate) fn awaits_ack(&self, ack: u64) -> bool {
        self.lock().open_acks.contains(&ack)
    }

    /// Whether this is the first answer to leave.
    pub(crate) fn close_ack(&self, ack: u64) -> bool {
        self.lock().open_acks.remove(&ack)
    }

    /// Notes a question before its packet is put. `false` if the socket has left.
    pub(super) fn note_question(self: &Arc<Self>, ack: u64, question: &Arc<Question>) -> bool {
        let mut guarded = self.lock();
        if guarded.disconnection.is_some() {
            return false;
        }
        question.add(self);
        guarded.questions.push((ack, question.clone()));
        true
    }

    /// The client answered one of our questions, or one that nobody asked.
    pub(crate) fn answer(&self, ack: u64, payload: Payload) {
        let question = self.take_question(ack);
        if let Some(question) = question {
            question.answered(self.id, payload);
        }
    }

    /// `true` if the question was still open.
    pub(super) fn close_question(&self, ack: u64) -> bool {
        self.take_question(ack).is_some()
    }

    /// Whether a question to this client is open.
    pub(crate) fn has_open_question(&self) -> bool {
        !self.lock().questions.is_empty()
    }

    fn take_question(&self, ack: u64) -> Option<Arc<Question>> {
        let mut guarded = self.lock();
        let index = guarded.questions.iter().position(|(id, _)| *id == ack)?;
        Some(guarded.questions.swap_remove(index).1)
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
