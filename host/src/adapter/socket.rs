//! A socket, and the namespace that it belongs to. Each refers to the other, so both types stand here; what is done to a
//! namespace stands in `namespace`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::by_name::ByName;
use super::chain_number::ChainNumber;
use super::due_timers::{DueTimer, DueTimers, TimerId};
use super::handshake::Handshake;
use super::id::SocketId;
use super::index::{HasId, SocketIndex};
use super::question::{AskedSocket, Question};
use super::rooms::RoomTable;
use super::sink::Sink;
use crate::frame::{Frame, SocketShare};
use crate::metrics::EventCounters;
use crate::packet::{EncodedPacket, Payload};
use crate::reason::DisconnectReason;

/// A namespace of this node: its sockets, its rooms, and the one lock under which they change.
pub(crate) struct Namespace {
    name: Arc<str>,
    /// The sockets of all namespaces.
    pub(super) index: Arc<SocketIndex<Arc<Socket>>>,
    pub(super) members: Mutex<RoomTable<Arc<Socket>>>,
    /// Ack ids of questions to clients; a question to a room has one for all sockets that it asks.
    pub(super) questions: AtomicU64,
    /// What it counts once it is fixed.
    events: EventCounters,
    /// What it counts before, with all that are made.
    made_events: Option<Arc<EventCounters>>,
    /// It is not fixed, and never was.
    is_made: AtomicBool,
    chain_number: ChainNumber,
    /// Where it is found by its name.
    by_name: Weak<ByName<Self>>,
}

impl Namespace {
    /// `events`: the counters that it has with others, if it is made and not fixed.
    pub(super) fn new(
        name: &str,
        index: Arc<SocketIndex<Arc<Socket>>>,
        by_name: Weak<ByName<Self>>,
        events: Option<Arc<EventCounters>>,
    ) -> Self {
        Self {
            name: name.into(),
            index,
            members: Mutex::default(),
            questions: AtomicU64::new(0),
            is_made: AtomicBool::new(events.is_some()),
            events: EventCounters::default(),
            made_events: events,
            chain_number: ChainNumber::default(),
            by_name,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What `/metrics` shows of the namespace's events.
    pub(crate) fn events(&self) -> &EventCounters {
        self.made_events.as_deref().filter(|_| self.is_made()).unwrap_or(&self.events)
    }

    /// Whether it was never fixed: its events are counted together with those of all that are made.
    pub(crate) fn is_made(&self) -> bool {
        // Relaxed: it decides where something is counted.
        self.is_made.load(Ordering::Relaxed)
    }

    /// From now on it is fixed.
    pub(super) fn set_fixed(&self) {
        self.is_made.store(false, Ordering::Relaxed);
    }

    /// Where the registry of plugins found its chain.
    pub(crate) fn chain_number(&self) -> &ChainNumber {
        &self.chain_number
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Some(by_name) = self.by_name.upgrade() {
            by_name.gone(&self.name);
        }
    }
}

/// The state of a socket. It only goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SocketState {
    /// The CONNECT packet has not been sent; nothing can reach the socket.
    Pending,
    /// In the namespace.
    Connected,
    /// No longer in the namespace, or refused.
    Disconnected,
}

/// A socket. Shared by the namespace, the connection's task and the calls about it. It outlives its disconnect: data and
/// handshake stay readable until its last `disconnect` handler has returned.
pub(crate) struct Socket {
    id: SocketId,
    namespace: Arc<Namespace>,
    handshake: Handshake,
    sink: Arc<dyn Sink>,
    /// Written under the namespace's lock (or by the connection's task while pending), read anywhere.
    state: AtomicU8,
    /// This socket's part of the sink.
    share: SocketShare,
    /// How many rooms it is in, besides its own. Written under the namespace's lock; read without, as an estimate.
    rooms: AtomicUsize,
    /// Whether there are due timers that the queue has not taken; saves the lock in every turn of the connection.
    has_new_due_timers: AtomicBool,
    /// In the order of locks below the namespace; under it only that of a question or of the outbox is taken.
    guarded: Mutex<Guarded>,
}

/// What the socket's own lock guards.
#[derive(Default)]
struct Guarded {
    /// `socket.data`: JSON by key.
    data: BTreeMap<Box<str>, Box<str>>,
    /// Acks that the client waits for, by its own ids. Ids grow, so the first is the oldest.
    open_acks: BTreeSet<u64>,
    /// Questions that the client has not answered, by our ids.
    questions: BTreeMap<u64, Arc<Question>>,
    due_timers: DueTimers,
    disconnection: Option<Disconnection>,
}

/// How a socket was disconnected.
struct Disconnection {
    reason: DisconnectReason,
    /// The rooms that it was in.
    rooms: Vec<Arc<str>>,
}

impl Socket {
    /// A pending socket.
    pub(crate) fn new(id: SocketId, namespace: Arc<Namespace>, handshake: Handshake, sink: Arc<dyn Sink>) -> Self {
        let share = sink.open_socket();
        Self {
            id,
            namespace,
            handshake,
            sink,
            state: AtomicU8::new(SocketState::Pending as u8),
            share,
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

    /// The number of the connection in the log.
    pub(crate) fn connection(&self) -> u64 {
        self.sink.connection()
    }

    pub(crate) fn sink(&self) -> &Arc<dyn Sink> {
        &self.sink
    }

    pub(crate) fn state(&self) -> SocketState {
        // Acquire pairs with `set_state`: a thread that sees `Disconnected` also sees the disconnection.
        match self.state.load(Ordering::Acquire) {
            0 => SocketState::Pending,
            1 => SocketState::Connected,
            _ => SocketState::Disconnected,
        }
    }

    pub(super) fn set_state(&self, state: SocketState) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// How many rooms it is in, besides its own. May be out of date when it is returned.
    pub(crate) fn room_count(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }

    pub(super) fn set_room_count(&self, rooms: usize) {
        self.rooms.store(rooms, Ordering::Relaxed);
    }

    /// This socket's part of the sink.
    pub(crate) fn share(&self) -> SocketShare {
        self.share
    }

    /// Queues a packet for the client. Does nothing once the socket is disconnected.
    pub(crate) fn enqueue(&self, packet: &EncodedPacket, volatile: bool) {
        self.sink.enqueue(self.share, packet, volatile);
    }

    pub(super) fn close(&self, last: Option<Frame>) {
        self.sink.close_socket(self.share, last);
    }

    /// Why the socket was disconnected, once it is.
    pub(crate) fn disconnect_reason(&self) -> Option<DisconnectReason> {
        if self.state() != SocketState::Disconnected {
            return None;
        }
        self.lock().disconnection.as_ref().map(|disconnection| disconnection.reason)
    }

    /// The rooms that it was in when it was disconnected, once it is. None are left when `disconnecting` has been called.
    pub(crate) fn last_rooms(&self) -> Option<Vec<Arc<str>>> {
        self.lock().disconnection.as_ref().map(|disconnection| disconnection.rooms.clone())
    }

    /// Empties the rooms that it was in: `disconnect` handlers see none.
    pub(crate) fn forget_last_rooms(&self) {
        if let Some(disconnection) = &mut self.lock().disconnection {
            disconnection.rooms = Vec::new();
        }
    }

    /// Notes the reason and the rooms of its disconnect, and ends the questions that it did not answer.
    pub(super) fn disconnect(&self, reason: DisconnectReason, rooms: Vec<Arc<str>>) {
        let questions = {
            let mut guarded = self.lock();
            guarded.disconnection = Some(Disconnection { reason, rooms });
            guarded.open_acks.clear();
            guarded.due_timers.clear();
            std::mem::take(&mut guarded.questions)
        };
        self.set_state(SocketState::Disconnected);
        for (_, question) in questions {
            question.disconnected(self.id);
        }
    }

    /// Adds a timer that is due to the socket's queue, and wakes its connection. Does nothing if the socket is disconnected, or
    /// if the same timer still waits there: one that is late runs once.
    pub(crate) fn add_due_timer(&self, timer: DueTimer) {
        {
            let mut guarded = self.lock();
            if guarded.disconnection.is_some() || !guarded.due_timers.add(timer) {
                return;
            }
            // Release pairs with `take_new_due_timers`. The lock orders the timer itself.
            self.has_new_due_timers.store(true, Ordering::Release);
        }
        self.sink.wake();
    }

    /// The numbers of the due timers that were added since the last call.
    pub(crate) fn take_new_due_timers(&self) -> Vec<u64> {
        // Called in every turn of the connection, so it only reads if there is nothing. The flag is cleared before the lock is
        // taken: a timer that is added afterwards sets it again.
        if !self.has_new_due_timers.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.has_new_due_timers.store(false, Ordering::Relaxed);
        self.lock().due_timers.take_new()
    }

    /// Takes a due timer, which begins, unless it was cancelled or the socket is disconnected.
    pub(crate) fn begin_due_timer(&self, number: u64) -> Option<DueTimer> {
        self.lock().due_timers.begin(number)
    }

    /// Removes a due timer that has not begun.
    pub(crate) fn cancel_due_timer(&self, plugin: &Arc<str>, id: &TimerId) {
        self.lock().due_timers.cancel(plugin, id);
    }

    /// Whether a timer is due and has not begun.
    pub(crate) fn has_due_timer(&self, plugin: &Arc<str>, id: &TimerId) -> bool {
        self.lock().due_timers.has(plugin, id)
    }

    /// Calls `read` with `socket.data`.
    pub(crate) fn with_data<T>(&self, read: impl FnOnce(&BTreeMap<Box<str>, Box<str>>) -> T) -> T {
        read(&self.lock().data)
    }

    /// Sets or removes one key of `socket.data`. Does nothing once the socket is disconnected.
    pub(crate) fn set_data(&self, key: &str, value: Option<Box<str>>) {
        if self.state() == SocketState::Disconnected {
            return;
        }
        let mut guarded = self.lock();
        match value {
            Some(value) => drop(guarded.data.insert(key.into(), value)),
            None => drop(guarded.data.remove(key)),
        }
    }

    /// Notes that the client waits for an ack under this id. Beyond `acks_max` the oldest is forgotten. Returns whether it was.
    pub(crate) fn open_ack(&self, ack: u64, acks_max: usize) -> bool {
        let mut guarded = self.lock();
        guarded.open_acks.insert(ack);
        guarded.open_acks.len() > acks_max && guarded.open_acks.pop_first().is_some()
    }

    /// Whether the client still waits for this ack.
    pub(crate) fn awaits_ack(&self, ack: u64) -> bool {
        self.lock().open_acks.contains(&ack)
    }

    /// Notes that an ack is sent. Returns whether it is the first with this id.
    pub(crate) fn close_ack(&self, ack: u64) -> bool {
        self.lock().open_acks.remove(&ack)
    }

    /// Notes a question before its packet is queued. `false` if the socket is disconnected.
    pub(super) fn add_question(self: &Arc<Self>, ack: u64, question: &Arc<Question>) -> bool {
        let mut guarded = self.lock();
        if guarded.disconnection.is_some() {
            return false;
        }
        question.add(self.id, self.clone());
        guarded.questions.insert(ack, question.clone());
        true
    }

    /// Takes the client's answer to a question. An answer that is not awaited is ignored.
    pub(crate) fn answer(&self, ack: u64, payload: Payload) {
        let question = self.take_question(ack);
        if let Some(question) = question {
            question.answer(self.id, payload);
        }
    }

    /// Whether a question to this client is open.
    pub(crate) fn has_open_question(&self) -> bool {
        !self.lock().questions.is_empty()
    }

    fn take_question(&self, ack: u64) -> Option<Arc<Question>> {
        self.lock().questions.remove(&ack)
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // One that never connected is closed by nobody else.
        self.close(None);
    }
}

impl HasId for Arc<Socket> {
    fn id(&self) -> &SocketId {
        &self.id
    }
}

impl AskedSocket for Socket {
    fn forget_question(&self, ack: u64) {
        self.take_question(ack);
    }
}
