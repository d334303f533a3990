//! A socket, as the host has it, and what its client has received.

use super::connect_error::ConnectError;
use super::ids::NodeIndex;
use super::queue::Queue;
use super::room_set::RoomSet;
use super::write::Write;
use crate::host::Handshake;
use crate::payload::Payload;
use std::collections::{BTreeMap, BTreeSet};

/// The state of a socket. It changes from each to a later one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketState {
    /// Connect middleware or the first `connection` calls run.
    Pending,
    /// In its namespace.
    Joined,
    /// Refused or disconnected.
    Left,
}

/// How far a socket's connect chain is. Until it is done, writes are held back.
pub(super) enum ConnectPhase {
    /// What middleware wrote to the socket itself is held.
    Middleware(Vec<Write>),
    /// Everything is held.
    Connection(Vec<Write>),
    /// Nothing is held any more.
    Done,
}

/// One socket.
pub(super) struct ServerSocket {
    pub(super) node: NodeIndex,
    pub(super) id: String,
    pub(super) namespace: String,
    /// The number of its connection.
    pub(super) connection: usize,
    /// With its secrets.
    pub(super) handshake: Handshake,
    pub(super) state: SocketState,
    pub(super) connecting: ConnectPhase,
    /// JSON by key.
    pub(super) data: BTreeMap<String, String>,
    /// The socket's own room included. After the disconnect, those that the socket was in, until the `disconnect` calls begin.
    pub(super) rooms: RoomSet,
    /// Why the socket was disconnected.
    pub(super) reason: Option<String>,
    pub(super) refused: Option<ConnectError>,
    pub(super) queue: Queue,
    /// Acks that the client waits for.
    pub(super) open_acks: BTreeSet<u64>,
    /// The last id that the client gave to an ack.
    pub(super) last_ack: u64,
    /// The events that the client received and the test has not taken.
    pub(super) inbox: Vec<ReceivedEvent>,
    /// The acks that the client received.
    pub(super) acks: BTreeMap<u64, Payload>,
}

/// An event as a client received it.
pub(super) struct ReceivedEvent {
    pub(super) name: String,
    pub(super) payload: Payload,
    /// The question that it may answer.
    pub(super) question: Option<usize>,
}

impl ServerSocket {
    /// A socket whose client connects to a namespace; `is_refused`: whether the host itself refuses the client.
    pub(super) fn new(
        node: NodeIndex,
        id: String,
        namespace: String,
        connection: usize,
        handshake: Handshake,
        is_refused: bool,
    ) -> Self {
        Self {
            node,
            id,
            namespace,
            connection,
            handshake,
            state: if is_refused { SocketState::Left } else { SocketState::Pending },
            connecting: ConnectPhase::Middleware(Vec::new()),
            data: BTreeMap::new(),
            rooms: RoomSet::default(),
            reason: None,
            refused: None,
            queue: if is_refused { Queue::over() } else { Queue::default() },
            open_acks: BTreeSet::new(),
            last_ack: 0,
            inbox: Vec::new(),
            acks: BTreeMap::new(),
        }
    }

    /// Joins all of these rooms if it is in its namespace, unless it would be in too many: then it joins none and this returns false.
    pub(super) fn join(&mut self, rooms: &[String]) -> bool {
        self.state != SocketState::Joined || self.rooms.join(rooms)
    }

    /// Leaves rooms, if it is in its namespace.
    pub(super) fn leave(&mut self, rooms: &[String]) {
        if self.state == SocketState::Joined {
            self.rooms.leave(rooms);
        }
    }

    /// Sets or removes a key of its data, unless it has disconnected.
    pub(super) fn set_data(&mut self, key: String, value: Option<String>) {
        if self.state == SocketState::Left {
            return;
        }
        match value {
            Some(value) => drop(self.data.insert(key, value)),
            None => drop(self.data.remove(&key)),
        }
    }

    /// An event for the client. Nothing reaches a socket that has disconnected.
    pub(super) fn receive(&mut self, name: &str, payload: &Payload, question: Option<usize>) {
        if self.state != SocketState::Left {
            self.inbox.push(ReceivedEvent { name: name.to_owned(), payload: payload.clone(), question });
        }
    }

    /// An ack for the client. The first one counts.
    pub(super) fn receive_ack(&mut self, ack: u64, payload: Payload) {
        if self.open_acks.remove(&ack) {
            self.acks.insert(ack, payload);
        }
    }
}
