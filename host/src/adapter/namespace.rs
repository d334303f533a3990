//! What is done to a namespace, under its lock.
//!
//! Everything that one call does is done under one hold of the locks of all namespaces that it concerns, so that all members see
//! broadcasts, joins and leaves in the same order. Under the locks things are only marked and queued; nothing waits.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::id::SocketId;
use super::question::Question;
use super::rooms::{RoomFilter, RoomTable, TooManyRooms};
use super::socket::{Namespace, Socket, SocketState};
use crate::frame::Frame;
use crate::metrics::EventCounters;
use crate::packet::EncodedPacket;
use crate::reason::DisconnectReason;

/// A namespace while its lock is held.
pub(crate) struct Locked<'a> {
    namespace: &'a Namespace,
    members: MutexGuard<'a, RoomTable<Arc<Socket>>>,
}

impl Namespace {
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked { namespace: self, members: self.members.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// How many sockets are connected.
    pub(crate) fn sockets(&self) -> usize {
        self.lock().members.len()
    }

    /// How many rooms have members, without those that are named like their socket.
    pub(crate) fn rooms(&self) -> usize {
        self.lock().members.room_count()
    }

    /// An ack id for a question. Relaxed, because each id only has to differ from the ids before it.
    pub(crate) fn question_id(&self) -> u64 {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }
}

/// Locks each of the namespaces once, in the order of their names, which is the same for everybody.
pub(crate) fn lock_all(namespaces: &mut Vec<Arc<Namespace>>) -> Vec<Locked<'_>> {
    namespaces.sort_unstable_by(|one, other| one.name().cmp(other.name()));
    namespaces.dedup_by(|one, other| Arc::ptr_eq(one, other));
    namespaces.iter().map(|namespace| namespace.lock()).collect()
}

impl Locked<'_> {
    pub(crate) fn name(&self) -> &str {
        self.namespace.name()
    }

    /// What `/metrics` shows of the namespace's events.
    pub(crate) fn events(&self) -> &EventCounters {
        self.namespace.events()
    }

    /// Adds a pending socket to the namespace: from here on it can be reached. `connect` is its CONNECT packet.
    pub(crate) fn admit(&mut self, socket: &Arc<Socket>, connect: &EncodedPacket) {
        if socket.state() != SocketState::Pending {
            return;
        }
        self.members.insert(socket.id(), socket.clone());
        self.namespace.index.insert(socket.clone());
        socket.set_state(SocketState::Connected);
        socket.enqueue(connect, false);
    }

    /// Disconnects a socket: it is removed from its rooms and from the namespace, and nothing is delivered after `last`. The
    /// first reason counts. Returns whether this call disconnected it.
    pub(crate) fn disconnect(&mut self, socket: &Socket, reason: DisconnectReason, last: Option<Frame>) -> bool {
        if socket.state() == SocketState::Disconnected {
            return false;
        }
        let rooms = self.members.remove(socket.id());
        self.namespace.index.remove(&socket.id());
        socket.close(last);
        socket.disconnect(reason, rooms);
        true
    }

    /// A socket joins all of these rooms, or none if it would then be in more than `rooms_max`, its own included.
    pub(crate) fn join(&mut self, socket: &Socket, rooms: &[Box<str>], rooms_max: usize) -> Result<(), TooManyRooms> {
        if let Some(count) = self.members.join(socket.id(), rooms, rooms_max)? {
            socket.set_room_count(count);
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self, socket: &Socket, rooms: &[Box<str>]) {
        if let Some(count) = self.members.leave(socket.id(), rooms) {
            socket.set_room_count(count);
        }
    }

    /// The rooms of a member, its own included.
    pub(crate) fn rooms_of(&self, id: SocketId) -> Option<Vec<Arc<str>>> {
        self.members.rooms_of(id)
    }

    /// Queues a packet for every socket that the filter selects. Returns how many those are.
    pub(crate) fn broadcast(&self, filter: &RoomFilter, packet: &EncodedPacket, volatile: bool) -> usize {
        let mut sockets = 0;
        self.members.each(filter, |socket| {
            sockets += 1;
            socket.enqueue(packet, volatile);
        });
        sockets
    }

    /// Asks every socket that the filter selects. Returns how many those are.
    pub(crate) fn ask(&self, filter: &RoomFilter, ack: u64, packet: &EncodedPacket, question: &Arc<Question>) -> usize {
        let mut sockets = 0;
        self.members.each(filter, |socket| {
            sockets += 1;
            self.ask_socket(socket, ack, packet, question);
        });
        sockets
    }

    /// Asks one socket.
    pub(crate) fn ask_socket(&self, socket: &Arc<Socket>, ack: u64, packet: &EncodedPacket, question: &Arc<Question>) {
        if socket.add_question(ack, question) {
            socket.enqueue(packet, false);
        }
    }

    /// How many sockets the filter selects at most, without a look at each of them.
    pub(crate) fn count_at_most(&self, filter: &RoomFilter) -> usize {
        self.members.count_at_most(filter)
    }

    /// How many sockets the filter selects.
    pub(crate) fn count(&self, filter: &RoomFilter) -> usize {
        self.members.count(filter)
    }

    /// The ids of the sockets that the filter selects, in no particular order.
    pub(crate) fn ids(&self, filter: &RoomFilter) -> Vec<SocketId> {
        let mut ids = Vec::new();
        self.members.each(filter, |socket| ids.push(socket.id()));
        ids
    }

    /// The rooms that have members, the sockets' own rooms left out: at most `most` of those that begin with `prefix`, in the order of
    /// their bytes, after the name `after`.
    pub(crate) fn room_names(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<Arc<str>> {
        self.members.room_names(prefix, after, most)
    }

    /// Some of the sockets, at most so many.
    pub(crate) fn first(&self, most: usize) -> Vec<Arc<Socket>> {
        self.members.sockets().take(most).cloned().collect()
    }

    /// Whether the room has members, which may be a socket in its own room.
    pub(crate) fn has_room(&self, room: &str) -> bool {
        self.members.has_room(room)
    }

    /// How many members a room has, of those that [`Locked::room_names`] lists.
    pub(crate) fn members_of(&self, room: &str) -> usize {
        self.members.members_of(room)
    }

    /// The sockets that the filter selects.
    pub(crate) fn select(&self, filter: &RoomFilter) -> Vec<Arc<Socket>> {
        let mut selected = Vec::new();
        self.members.each(filter, |socket| selected.push(socket.clone()));
        selected
    }
}
