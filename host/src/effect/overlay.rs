//! What a read of a call sees: the sockets as they are, and on top of them the writes that have not been applied.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::effects::Effects;
use super::write::{Target, Write};
use crate::adapter::{RoomFilter, Socket};

/// The writes that a call sees as done: those that its dispatch holds back, then its own.
pub(crate) struct Overlay<'a> {
    pub(crate) effects: &'a dyn Effects,
    pub(crate) recorded: &'a [Write],
    /// How many rooms one socket may be in: a write that would exceed it joins none of its rooms.
    pub(crate) rooms_per_socket_max: usize,
}

impl Overlay<'_> {
    /// The rooms of a socket, in the order in which it joined them.
    pub(crate) fn rooms(&self, socket: &Arc<Socket>) -> Vec<Arc<str>> {
        self.room_set(socket).in_order()
    }

    /// Whether the socket would be in too many rooms if it joined these, too. A room counts once.
    pub(crate) fn exceeds_rooms(&self, socket: &Arc<Socket>, joined: &[Box<str>]) -> bool {
        self.room_set(socket).would_exceed(joined, self.rooms_per_socket_max)
    }

    fn room_set(&self, socket: &Arc<Socket>) -> RoomSet {
        if let Some(rooms) = socket.last_rooms() {
            return RoomSet::new(rooms);
        }
        // A pending socket is in no room yet, but will be in its own.
        let rooms = socket.namespace().lock().rooms_of(socket.id()).unwrap_or_else(|| vec![socket.id().as_str().into()]);
        let mut rooms = RoomSet::new(rooms);
        self.each(socket, |write| self.replay_rooms(&mut rooms, socket, write));
        rooms
    }

    /// Calls `read` with `socket.data`.
    pub(crate) fn data<T>(&self, socket: &Arc<Socket>, read: impl FnOnce(&BTreeMap<Box<str>, Box<str>>) -> T) -> T {
        let mut changed: Option<BTreeMap<_, _>> = None;
        self.each(socket, |write| {
            let Write::Data { socket: of, key, value } = write else { return };
            if Arc::ptr_eq(of, socket) {
                let data = changed.get_or_insert_with(|| socket.with_data(Clone::clone));
                match value {
                    Some(value) => drop(data.insert(key.clone(), value.clone())),
                    None => drop(data.remove(key)),
                }
            }
        });
        match changed {
            Some(data) => read(&data),
            None => socket.with_data(read),
        }
    }

    fn each(&self, about: &Arc<Socket>, mut read: impl FnMut(&Write)) {
        self.effects.held(Some(about), &mut |held| held.iter().for_each(&mut read));
        self.recorded.iter().for_each(read);
    }

    fn replay_rooms(&self, rooms: &mut RoomSet, socket: &Arc<Socket>, write: &Write) {
        match write {
            Write::Join { socket: of, rooms: names } if Arc::ptr_eq(of, socket) => rooms.join(names, self.rooms_per_socket_max),
            Write::Leave { socket: of, rooms: names } if Arc::ptr_eq(of, socket) => rooms.leave(names),
            Write::JoinAll { target, rooms: names } if rooms.is_selected(target, socket) => {
                rooms.join(names, self.rooms_per_socket_max);
            }
            Write::LeaveAll { target, rooms: names } if rooms.is_selected(target, socket) => rooms.leave(names),
            _ => {}
        }
    }
}

/// The rooms of one socket while writes are replayed on them: a step for each name, whatever the number of rooms.
struct RoomSet {
    /// With numbers that grow in the order in which the rooms were joined.
    names: HashMap<Arc<str>, u64>,
    joined: u64,
}

impl RoomSet {
    fn new(rooms: Vec<Arc<str>>) -> Self {
        let names: HashMap<_, _> = rooms.into_iter().zip(0..).collect();
        Self { joined: names.len().try_into().unwrap_or(u64::MAX), names }
    }

    fn in_order(self) -> Vec<Arc<str>> {
        let mut rooms: Vec<_> = self.names.into_iter().collect();
        rooms.sort_unstable_by_key(|(_, number)| *number);
        rooms.into_iter().map(|(room, _)| room).collect()
    }

    fn join(&mut self, joined: &[Box<str>], rooms_max: usize) {
        if self.would_exceed(joined, rooms_max) {
            return;
        }
        for room in joined {
            if !self.names.contains_key(&**room) {
                self.names.insert(Arc::from(&**room), self.joined);
                self.joined += 1;
            }
        }
    }

    fn leave(&mut self, left: &[Box<str>]) {
        for room in left {
            self.names.remove(&**room);
        }
    }

    fn would_exceed(&self, joined: &[Box<str>], rooms_max: usize) -> bool {
        if self.names.len() + joined.len() <= rooms_max {
            return false;
        }
        let new: HashSet<&str> = joined.iter().map(|room| &**room).filter(|room| !self.names.contains_key(*room)).collect();
        !new.is_empty() && self.names.len() + new.len() > rooms_max
    }

    fn is_selected(&self, target: &Target, socket: &Arc<Socket>) -> bool {
        let RoomFilter { any, except } = &target.rooms;
        let in_one_of = |names: &[Box<str>]| names.iter().any(|name| self.names.contains_key(&**name));
        Arc::ptr_eq(&target.namespace, socket.namespace()) && (any.is_empty() || in_one_of(any)) && !in_one_of(except)
    }
}
