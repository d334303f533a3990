//! A namespace: its sockets, its rooms, and the one lock under which they change.
//!
//! Whatever one call does to a namespace is done under one hold of the lock, so that all members see broadcasts, joins and
//! leaves in the same order. Under it things are only marked and put; nobody waits.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Packet, Question, Socket, SocketId, SocketState};
use crate::frame::Frame;

/// Which sockets: those in any of `any` (everybody, if that is empty) and in none of `except`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rooms {
    pub(crate) any: Vec<Box<str>>,
    pub(crate) except: Vec<Box<str>>,
}

/// A namespace of this node.
pub(crate) struct Namespace {
    name: Arc<str>,
    house: Mutex<House>,
    /// Ids of our own questions; a question to a room has one for all whom it asks.
    questions: AtomicU64,
}

#[derive(Default)]
struct House {
    sockets: HashMap<SocketId, Member, BuildHasherDefault<IdHasher>>,
    rooms: HashMap<Arc<str>, Members>,
}

type Members = HashMap<SocketId, Arc<Socket>, BuildHasherDefault<IdHasher>>;

struct Member {
    record: Arc<Socket>,
    /// The room that is named like the socket has no entry in `rooms`: it would be one for each socket.
    in_own_room: bool,
    rooms: Vec<Arc<str>>,
}

/// The namespace while it is held.
pub(crate) struct Locked<'a> {
    namespace: &'a Namespace,
    house: MutexGuard<'a, House>,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), house: Mutex::default(), questions: AtomicU64::new(0) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { namespace: self, house: self.house.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// An ack id for a question. Relaxed: it only has to be another one each time.
    pub(crate) fn question_id(&self) -> u64 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }
}

impl Locked<'_> {
    pub(crate) fn socket(&self, id: SocketId) -> Option<Arc<Socket>> {
        self.house.sockets.get(&id).map(|member| member.record.clone())
    }

    /// Lets a pending socket in: from here on it can be reached. `connect` is the packet that tells the client.
    pub(crate) fn admit(&mut self, record: &Arc<Socket>, connect: &Packet) {
        if record.life() != SocketState::Pending {
            return;
        }
        let member = Member { record: record.clone(), in_own_room: true, rooms: Vec::new() };
        self.house.sockets.insert(record.id(), member);
        record.set_life(SocketState::Joined);
        record.put(connect, false);
    }

    /// A socket leaves: out of its rooms and of every list, with nothing delivered after `last`. The first reason counts. Says
    /// whether it was this call that ended its stay.
    pub(crate) fn depart(&mut self, record: &Socket, reason: &'static str, last: Option<Frame>) -> bool {
        if record.life() == SocketState::Left {
            return false;
        }
        let mut rooms = Vec::new();
        if let Some(member) = self.house.sockets.remove(&record.id()) {
            rooms = member.rooms;
            for room in &rooms {
                remove_member(&mut self.house.rooms, room, record.id());
            }
            if member.in_own_room {
                rooms.push(record.id().as_str().into());
            }
        }
        record.shut(last);
        record.depart(reason, rooms);
        true
    }

    pub(crate) fn join(&mut self, id: SocketId, room: &str) {
        let House { sockets, rooms } = &mut *self.house;
        let Some(member) = sockets.get_mut(&id) else { return };
        if room == id.as_str() {
            member.in_own_room = true;
            return;
        }
        let name = match rooms.get_key_value(room) {
            Some((name, _)) => name.clone(),
            None => Arc::from(room),
        };
        if rooms.entry(name.clone()).or_default().insert(id, member.record.clone()).is_none() {
            member.rooms.push(name);
            member.record.set_room_count(member.rooms.len());
        }
    }

    pub(crate) fn leave(&mut self, id: SocketId, room: &str) {
        let House { sockets, rooms } = &mut *self.house;
        let Some(member) = sockets.get_mut(&id) else { return };
        if room == id.as_str() {
            member.in_own_room = false;
            return;
        }
        member.rooms.retain(|name| &**name != room);
        member.record.set_room_count(member.rooms.len());
        remove_member(rooms, room, id);
    }

    /// The rooms of a member, its own included.
    pub(crate) fn rooms_of(&self, id: SocketId) -> Option<Vec<Arc<str>>> {
        let member = self.house.sockets.get(&id)?;
        let own = member.in_own_room.then(|| Arc::from(id.as_str()));
        Some(member.rooms.iter().cloned().chain(own).collect())
    }

    /// Queues a packet for everybody who is meant, once.
    pub(crate) fn emit(&self, rooms: &Rooms, packet: &Packet, volatile: bool) {
        self.each(rooms, |record| record.put(packet, volatile));
    }

    /// Asks everybody who is meant.
    pub(crate) fn ask(&self, rooms: &Rooms, ack: u64, packet: &Packet, question: &Arc<Question>) {
        self.each(rooms, |record| {
            self.ask_one(record, ack, packet, question);
        });
    }

    /// Asks one socket.
    pub(crate) fn ask_one(&self, record: &Arc<Socket>, ack: u64, packet: &Packet, question: &Arc<Question>) {
        if record.note_question(ack, question) {
            record.put(packet, false);
        }
    }

    /// Everybody who is meant.
    pub(crate) fn select(&self, rooms: &Rooms) -> Vec<Arc<Socket>> {
        let mut selected = Vec::new();
        self.each(rooms, |record| selected.push(record.clone()));
        selected
    }

    pub(crate) fn name(&self) -> &str {
        self.namespace.name()
    }

    /// Calls `visit` once for each socket that is meant, in no particular order.
    fn each(&self, rooms: &Rooms, mut visit: impl FnMut(&Arc<Socket>)) {
        let excepted = |id: SocketId| rooms.except.iter().any(|room| self.is_in(id, room));
        match rooms.any.as_slice() {
            [] => {
                for member in self.house.sockets.values() {
                    if !excepted(member.record.id()) {
                        visit(&member.record);
                    }
                }
            }
            [room] => self.each_in(room, |record| {
                if !excepted(record.id()) {
                    visit(record);
                }
            }),
            several => {
                for (index, room) in several.iter().enumerate() {
                    let earlier = several.get(..index).unwrap_or_default();
                    self.each_in(room, |record| {
                        let seen = earlier.iter().any(|room| self.is_in(record.id(), room));
                        if !seen && !excepted(record.id()) {
                            visit(record);
                        }
                    });
                }
            }
        }
    }

    fn each_in(&self, room: &str, mut visit: impl FnMut(&Arc<Socket>)) {
        let members = self.house.rooms.get(room);
        for record in members.into_iter().flat_map(HashMap::values) {
            visit(record);
        }
        let owner = SocketId::parse(room).and_then(|id| self.house.sockets.get(&id));
        if let Some(member) = owner
            && member.in_own_room
        {
            visit(&member.record);
        }
    }

    fn is_in(&self, id: SocketId, room: &str) -> bool {
        if room == id.as_str() {
            return self.house.sockets.get(&id).is_some_and(|member| member.in_own_room);
        }
        self.house.rooms.get(room).is_some_and(|members| members.contains_key(&id))
    }
}

fn remove_member(rooms: &mut HashMap<Arc<str>, Members>, room: &str, id: SocketId) {
    let Some(members) = rooms.get_mut(room) else { return };
    members.remove(&id);
    if members.is_empty() {
        rooms.remove(room);
    }
}

/// Ids are random already: their first bytes are as good as any hash of them, and nobody outside can choose one.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // An array hashes its length first and then its bytes: the last write of 8 bytes or more counts.
        if let Some((_, tail)) = bytes.split_at_checked(bytes.len().saturating_sub(8))
            && let Ok(tail) = tail.try_into()
        {
            // Characters have idle bits: multiply, and fold the high half, where all of them meet, onto the low one.
            let mixed = u64::from_le_bytes(tail).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.0 = mixed ^ (mixed >> 32);
        }
    }
}
