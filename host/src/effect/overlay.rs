//! What a read sees: the house as it is, and on top of it the writes that have not left yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Effects, Target, Write};
use crate::adapter::{Rooms, Socket};

/// The writes that a unit of work would see as done: those held back by its dispatch, then its own.
pub(crate) struct Overlay<'a> {
    pub(crate) effects: &'a dyn Effects,
    pub(crate) recorded: &'a [Write],
}

impl Overlay<'_> {
    /// The rooms of a socket.
    pub(crate) fn rooms(&self, socket: &Arc<Socket>) -> Vec<Arc<str>> {
        let mut rooms = match socket.last_rooms() {
            Some(rooms) => return rooms,
            // A pending socket is in no room yet, but is about to be in its own.
            None => socket.namespace().lock().rooms_of(socket.id()).unwrap_or_else(|| vec![socket.id().as_str().into()]),
        };
        self.each(|write| replay_rooms(&mut rooms, socket, write));
        rooms
    }

    /// Calls `read` with `socket.data`.
    pub(crate) fn data<T>(&self, socket: &Arc<Socket>, read: impl FnOnce(&BTreeMap<Box<str>, Box<str>>) -> T) -> T {
        let mut changed: Option<BTreeMap<_, _>> = None;
        self.each(|write| {
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

    fn each(&self, mut see: impl FnMut(&Write)) {
        self.effects.held(&mut |held| held.iter().for_each(&mut see));
        self.recorded.iter().for_each(see);
    }
}

fn replay_rooms(rooms: &mut Vec<Arc<str>>, socket: &Arc<Socket>, write: &Write) {
    let (joins, leaves): (&[Box<str>], &[Box<str>]) = match write {
        Write::Join { socket: of, rooms } if Arc::ptr_eq(of, socket) => (rooms, &[]),
        Write::Leave { socket: of, rooms } if Arc::ptr_eq(of, socket) => (&[], rooms),
        Write::JoinAll { target, rooms: names } if is_selected(target, socket, rooms) => (names, &[]),
        Write::LeaveAll { target, rooms: names } if is_selected(target, socket, rooms) => (&[], names),
        _ => return,
    };
    for room in joins {
        if !rooms.iter().any(|name| **name == **room) {
            rooms.push(room.as_ref().into());
        }
    }
    rooms.retain(|name| !leaves.iter().any(|room| **name == **room));
}

fn is_selected(target: &Target, socket: &Arc<Socket>, is_in: &[Arc<str>]) -> bool {
    let Rooms { any, except } = &target.rooms;
    let in_one_of = |names: &[Box<str>]| names.iter().any(|name| is_in.iter().any(|room| **room == **name));
    Arc::ptr_eq(&target.namespace, socket.namespace()) && (any.is_empty() || in_one_of(any)) && !in_one_of(except)
}
