//! Questions to clients.

use super::ids::{NodeIndex, SocketIndex};
use super::write::size;
use crate::payload::Payload;
use innkeeper_contract::limits::ANSWER_BYTES_MAX;

/// An emit that awaits acks. Every socket that was asked is in exactly one of the lists.
#[derive(Default)]
pub(super) struct Question {
    /// The node that asks.
    pub(super) node: NodeIndex,
    /// The nodes that it does not reach.
    pub(super) nodes_missing: u32,
    /// The sockets that have neither answered nor disconnected.
    pub(super) open: Vec<SocketIndex>,
    pub(super) responses: Vec<(SocketIndex, Payload)>,
    /// The sockets that disconnected before answering, or whose answer was beyond the bound on the bytes of all answers.
    pub(super) missing: Vec<SocketIndex>,
    pub(super) answer_bytes: usize,
}

impl Question {
    pub(super) fn is_answered(&self) -> bool {
        self.open.is_empty() && self.nodes_missing == 0
    }

    /// The first answer of a socket counts, and none that comes too late.
    pub(super) fn answer(&mut self, socket: SocketIndex, payload: Payload) {
        if !self.close_for(socket) {
            return;
        }
        self.answer_bytes += size(&payload);
        if self.answer_bytes > ANSWER_BYTES_MAX {
            self.missing.push(socket);
        } else {
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

#[cfg(test)]
mod tests {
    use super::Question;
    use crate::payload::Payload;
    use innkeeper_contract::limits::ANSWER_BYTES_MAX;

    #[test]
    fn the_bytes_of_all_answers_are_bounded_together_and_what_is_beyond_counts_as_missing() {
        let text = |bytes: usize| Payload { args: "x".repeat(bytes), ..Payload::default() };
        let mut question = Question { open: vec![0, 1, 2], ..Question::default() };
        question.answer(0, text(ANSWER_BYTES_MAX - 1));
        question.answer(1, text(1));
        question.answer(2, text(1));
        let answered: Vec<_> = question.responses.iter().map(|(socket, _)| *socket).collect();
        assert_eq!((answered, question.missing), (vec![0, 1], vec![2]));
    }
}
