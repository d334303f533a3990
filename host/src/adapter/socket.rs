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
    life: AtomicU8,
    /// Read and written under the sink's lock: once it is set, nothing more is queued for this socket.
    shut: AtomicBool,
    /// Rooms that it is in, besides its own. Written under the namespace's lock; read without, as an estimate.
    rooms: AtomicUsize,
    /// Whether there are errands; saves the lock in every turn of the connection.
    has_errands: AtomicBool,
    /// A leaf in the order of locks.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `socket.data`: JSON by key.
    data: BTreeMap<Box<str>, Box<str>>,
    /// Acks that the client waits for, by its own ids. Ids grow, so the first is the oldest.
    open_acks: BTreeSet<u64>,
    /// Questions that the client has not answered, by our ids.
    questions: Vec<(u64, Arc<Question>)>,
    /// Errands that have not begun, by number, in the order in which they came; and how many ever came.
    errands: Vec<(u64, DueTimer)>,
    errands_posted: u64,
    /// The numbers that the socket's queue has not seen.
    errands_unseen: Vec<u64>,
    /// What the socket was in when it left, and why it left.
    departure: Option<Departure>,
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

struct Departure {
    reason: &'static str,
    rooms: Vec<Arc<str>>,
}

impl Socket {
    /// A pending socket.
    pub(crate) fn new(id: SocketId, namespace: Arc<Namespace>, handshake: Handshake, sink: Arc<dyn Sink>) -> Self {
        let (life, shut) = (AtomicU8::new(SocketState::Pending as u8), AtomicBool::new(false));
        Self {
            id,
            namespace,
            handshake,
            sink,
            life,
            shut,
            rooms: AtomicUsize::new(0),
            has_errands: AtomicBool::new(false),
            state: Mutex::default(),
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

    pub(crate) fn life(&self) -> SocketState {
        // Acquire pairs with `set_life`: who sees `Left` also sees the departure.
        match self.life.load(Ordering::Acquire) {
            0 => SocketState::Pending,
            1 => SocketState::Joined,
            _ => SocketState::Left,
        }
    }

    pub(super) fn set_life(&self, life: SocketState) {
        self.life.store(life as u8, Ordering::Release);
    }

    /// Rooms that it is in, besides its own, a moment ago.
    pub(crate) fn room_count(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }

    pub(super) fn set_room_count(&self, rooms: usize) {
        self.rooms.store(rooms, Ordering::Relaxed);
    }

    /// Queues a packet for the client. Does nothing once the socket has left.
    pub(crate) fn put(&self, packet: &Packet, volatile: bool) {
        self.sink.put(&self.shut, packet, volatile);
    }

    pub(super) fn shut(&self, last: Option<crate::frame::Frame>) {
        self.sink.shut(&self.shut, last);
    }

    /// Why the socket left, once it has.
    pub(crate) fn departed(&self) -> Option<&'static str> {
        if self.life() != SocketState::Left {
            return None;
        }
        self.lock().departure.as_ref().map(|departure| departure.reason)
    }

    /// The rooms that it was in when it left.
    pub(crate) fn last_rooms(&self) -> Option<Vec<Arc<str>>> {
        self.lock().departure.as_ref().map(|departure| departure.rooms.clone())
    }

    /// Notes why it left and what it was in, and ends the questions that it did not answer.
    pub(super) fn depart(&self, reason: &'static str, rooms: Vec<Arc<str>>) {
        let questions = {
            let mut state = self.lock();
            state.departure = Some(Departure { reason, rooms });
            state.open_acks.clear();
            state.errands = Vec::new();
            std::mem::take(&mut state.questions)
        };
        self.set_life(SocketState::Left);
        for (_, question) in questions {
            question.left(self.id);
        }
    }

    /// Puts an errand in the socket's queue, and wakes its connection. Dropped if the socket has left, and if the same one is still
    /// waiting there: a timer that is late comes once.
    pub(crate) fn post(&self, errand: DueTimer) {
        {
            let mut state = self.lock();
            let waits = state.errands.iter().any(|(_, other)| other.is(&errand.plugin, &errand.name));
            if state.departure.is_some() || waits {
                return;
            }
            state.errands_posted += 1;
            let number = state.errands_posted;
            state.errands.push((number, errand));
            state.errands_unseen.push(number);
            // Release pairs with `take_errands`. The lock orders the errand itself.
            self.has_errands.store(true, Ordering::Release);
        }
        self.sink.wake();
    }

    /// The numbers of the errands that were posted since the last time.
    pub(crate) fn take_errands(&self) -> Vec<u64> {
        // Asked in every turn of the connection, so it is only read where there is nothing. Before the lock: what is posted after
        // it sets the flag again.
        if !self.has_errands.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.has_errands.store(false, Ordering::Relaxed);
        std::mem::take(&mut self.lock().errands_unseen)
    }

    /// An errand begins, unless it was revoked or the socket has left.
    pub(crate) fn begin_errand(&self, number: u64) -> Option<DueTimer> {
        let mut state = self.lock();
        let index = state.errands.iter().position(|(other, _)| *other == number)?;
        Some(state.errands.remove(index).1)
    }

    /// Takes an errand back that has not begun.
    pub(crate) fn revoke(&self, plugin: &str, name: &str) {
        self.lock().errands.retain(|(_, errand)| !errand.is(plugin, name));
    }

    /// Calls `read` with `socket.data`.
    pub(crate) fn with_data<T>(&self, read: impl FnOnce(&BTreeMap<Box<str>, Box<str>>) -> T) -> T {
        read(&self.lock().data)
    }

    /// Sets or removes one key of `socket.data`. Does nothing once the socket has left.
    pub(crate) fn set_data(&self, key: &str, value: Option<Box<str>>) {
        if self.life() == SocketState::Left {
            return;
        }
        let mut state = self.lock();
        match value {
            Some(value) => drop(state.data.insert(key.into(), value)),
            None => drop(state.data.remove(key)),
        }
    }

    /// The client waits for an ack under this id. Past `most` the oldest is forgotten.
    pub(crate) fn open_ack(&self, ack: u64, most: usize) {
        let mut state = self.lock();
        state.open_acks.insert(ack);
        if state.open_acks.len() > most {
            state.open_acks.pop_first();
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
        let mut state = self.lock();
        if state.departure.is_some() {
            return false;
        }
        question.ask(self);
        state.questions.push((ack, question.clone()));
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
    pub(super) fn forget_question(&self, ack: u64) -> bool {
        self.take_question(ack).is_some()
    }

    /// Whether a question to this client is open.
    pub(crate) fn is_asked(&self) -> bool {
        !self.lock().questions.is_empty()
    }

    fn take_question(&self, ack: u64) -> Option<Arc<Question>> {
        let mut state = self.lock();
        let index = state.questions.iter().position(|(id, _)| *id == ack)?;
        Some(state.questions.swap_remove(index).1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
