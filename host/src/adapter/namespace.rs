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
    members: Mutex<Members>,
    /// Ids of our own questions; a question to a room has one for all whom it asks.
    questions: AtomicU64,
}

#[derive(Default)]
struct Members {
    sockets: HashMap<SocketId, Member, BuildHasherDefault<IdHasher>>,
    rooms: HashMap<Arc<str>, RoomMembers>,
}

type RoomMembers = HashMap<SocketId, Arc<Socket>, BuildHasherDefault<IdHasher>>;

struct Member {
    socket: Arc<Socket>,
    /// The room that is named like the socket has no entry in `rooms`: it would be one for each socket.
    in_own_room: bool,
    rooms: Vec<Arc<str>>,
}

/// The namespace while it is held.
pub(crate) struct Locked<'a> {
    namespace: &'a Namespace,
    members: MutexGuard<'a, Members>,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), members: Mutex::default(), questions: AtomicU64::new(0) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { namespace: self, members: self.members.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// An ack id for a question. Relaxed: it only has to be another one each time.
    pub(crate) fn question_id(&self) -> u64 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }
}

impl Locked<'_> {
    pub(crate) fn socket(&self, id: SocketId) -> Option<Arc<Socket>> {
        self.members.sockets.get(&id).map(|member| member.socket.clone())
    }

    /// Lets a pending socket in: from here on it can be reached. `connect` is the packet that tells the client.
    pub(crate) fn admit(&mut self, socket: &Arc<Socket>, connect: &Packet) {
        if socket.state() != SocketState::Pending {
            return;
        }
        let member = Member { socket: socket.clone(), in_own_room: true, rooms: Vec::new() };
        self.members.sockets.insert(socket.id(), member);
        socket.set_state(SocketState::Joined);
        socket.enqueue(connect, false);
    }

    /// A socket leaves: out of its rooms and of every list, with nothing delivered after `last`. The first reason counts. Says
    /// whether it was this call that ended its stay.
    pub(crate) fn disconnect(&mut self, socket: &Socket, reason: &'static str, last: Option<Frame>) -> bool {
        if socket.state() == SocketState::Left {
            return false;
        }
        let mut rooms = Vec::new();
        if let Some(member) = self.members.sockets.remove(&socket.id()) {
            rooms = member.rooms;
            for room in &rooms {
                remove_from_room(&mut self.members.rooms, room, socket.id());
            }
            if member.in_own_room {
                rooms.push(socket.id().as_str().into());
            }
        }
        socket.close(last);
        socket.disconnect(reason, rooms);
        true
    }

    pub(crate) fn join(&mut self, id: SocketId, room: &str) {
        let Members { sockets, rooms } = &mut *self.members;
        let Some(member) = sockets.get_mut(&id) else { return };
        if room == id.as_str() {
            member.in_own_room = true;
            return;
        }
        let name = match rooms.get_key_value(room) {
            Some((name, _)) => name.clone(),
            None => Arc::from(room),
        };
        if rooms.entry(name.clone()).or_default().insert(id, member.socket.clone()).is_none() {
            member.rooms.push(name);
            member.socket.set_room_count(member.rooms.len());
        }
    }

    pub(crate) fn leave(&mut self, id: SocketId, room: &str) {
        let Members { sockets, rooms } = &mut *self.members;
        let Some(member) = sockets.get_mut(&id) else { return };
        if room == id.as_str() {
            member.in_own_room = false;
            return;
        }
        member.rooms.retain(|name| &**name != room);
        member.socket.set_room_count(member.rooms.len());
        remove_from_room(rooms, room, id);
    }

    /// The rooms of a member, its own included.
    pub(crate) fn rooms_of(&self, id: SocketId) -> Option<Vec<Arc<str>>> {
        let member = self.members.sockets.get(&id)?;
        let own = member.in_own_room.then(|| Arc::from(id.as_str()));
        Some(member.rooms.iter().cloned().chain(own).collect())
    }

    /// Queues a packet for everybody who is meant, once.
    pub(crate) fn broadcast(&self, rooms: &Rooms, packet: &Packet, volatile: bool) {
        self.each(rooms, |socket| socket.enqueue(packet, volatile));
    }

    /// Asks everybody who is meant.
    pub(crate) fn ask(&self, rooms: &Rooms, ack: u64, packet: &Packet, question: &Arc<Question>) {
        self.each(rooms, |socket| {
            self.ask_socket(socket, ack, packet, question);
        });
    }

    /// Asks one socket.
    pub(crate) fn ask_socket(&self, socket: &Arc<Socket>, ack: u64, packet: &Packet, question: &Arc<Question>) {
        if socket.note_question(ack, question) {
            socket.enqueue(packet, false);
        }
    }

    /// Everybody who is meant.
    pub(crate) fn select(&self, rooms: &Rooms) -> Vec<Arc<Socket>> {
        let mut selected = Vec::new();
        self.each(rooms, |socket| selected.push(socket.clone()));
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
                for member in self.members.sockets.values() {
                    if !excepted(member.socket.id()) {
                        visit(&member.socket);
                    }
                }
            }
            [room] => self.each_in(room, |socket| {
                if !excepted(socket.id()) {
                    visit(socket);
                }
            }),
            several => {
                for (index, room) in several.iter().enumerate() {
                    let earlier = several.get(..index).unwrap_or_default();
                    self.each_in(room, |socket| {
                        let seen = earlier.iter().any(|room| self.is_in(socket.id(), room));
                        if !seen && !excepted(socket.id()) {
                            visit(socket);
                        }
                    });
                }
            }
        }
    }

    fn each_in(&self, room: &str, mut visit: impl FnMut(&Arc<Socket>)) {
        let members = self.members.rooms.get(room);
        for socket in members.into_iter().flat_map(HashMap::values) {
            visit(socket);
        }
        let owner = SocketId::parse(room).and_then(|id| self.members.sockets.get(&id));
        if let Some(member) = owner
            && member.in_own_room
        {
            visit(&member.socket);
        }
    }

    fn is_in(&self, id: SocketId, room: &str) -> bool {
        if room == id.as_str() {
            return self.members.sockets.get(&id).is_some_and(|member| member.in_own_room);
        }
        self.members.rooms.get(room).is_some_and(|members| members.contains_key(&id))
    }
}

fn remove_from_room(rooms: &mut HashMap<Arc<str>, RoomMembers>, room: &str, id: SocketId) {
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
