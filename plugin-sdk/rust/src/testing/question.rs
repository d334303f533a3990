//! Questions to clients.

use super::ids::SocketIndex;
use crate::payload::Payload;

/// An emit that awaits acks. Every socket that was asked is in exactly one of the lists.
#[derive(Default)]
pub(super) struct Question {
    /// The sockets that have neither answered nor disconnected.
    pub(super) open: Vec<SocketIndex>,
    pub(super) responses: Vec<(SocketIndex, Payload)>,
    /// The sockets that disconnected before answering.
    pub(super) missing: Vec<SocketIndex>,
}

impl Question {
    pub(super) fn is_answered(&self) -> bool {
        self.open.is_empty()
    }

    /// The first answer of a socket counts, and none that comes too late.
    pub(super) fn answer(&mut self, socket: SocketIndex, payload: Payload) {
        if self.close_for(socket) {
            self.responses.push((socket, payload));
        }
    }

    /// A socket has disconnected.
    pub(super) fn disconnect(&mut self, socket: SocketIndex) {
        if self.close_for(socket) {
            self.missing.push(socket);
        }
    }

    fn close_for(&mut self, socket: SocketIndex) -> bool {
        let index = self.open.iter().position(|open| *open == socket);
        index.map(|index| self.open.remove(index)).is_some()
    }
}
