//! A question to all other nodes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::adapter::{HandshakeCopy, RoomFilter};
use crate::budget::Held;
use crate::packet::{Message, Payload};

/// What is asked of every other node, about one namespace.
pub(crate) enum PeerRequest {
    /// The ids of the sockets that match.
    Ids(RoomFilter),
    /// The sockets that match.
    Sockets(RoomFilter),
    /// The rooms that have members, those of sockets included.
    Rooms,
    /// What whoever handles this event answers.
    ServerEvent(Message),
}

/// What one node answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PeerAnswer {
    Ids(Vec<String>),
    Sockets(Vec<PeerSocket>),
    Rooms(Vec<String>),
    /// An array of one argument.
    ServerEvent(Payload),
    /// What a server of this kind says of itself: JSON.
    Node(String),
}

/// A socket of another node, as it stood when that node answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerSocket {
    pub(crate) id: String,
    pub(crate) rooms: Vec<String>,
    /// A JSON object.
    pub(crate) data: String,
    pub(crate) handshake: HandshakeCopy,
}

/// The answers of the nodes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerAnswers {
    /// In the order in which they came.
    pub(crate) answers: Vec<PeerAnswer>,
    /// How many other nodes did not answer.
    pub(crate) nodes_missing: u32,
}

/// An open question. Whoever asked keeps it, and the cluster a weak reference.
pub(crate) struct PeerQuestion {
    guarded: Mutex<Guarded>,
}

struct Guarded {
    /// The bytes of the answers, out of what may be held for the one that asked.
    held: Held,
    /// How many nodes there were when it was last known.
    likely: u32,
    /// How many nodes have to answer, once the cluster has found out.
    expected: Option<u32>,
    /// No further answer will come.
    is_given_up: bool,
    /// Nodes that answered, those included whose answer was beyond the bound on bytes.
    answered: u32,
    /// Those of them.
    dropped: u32,
    answers: Vec<PeerAnswer>,
    waker: Option<Waker>,
}

impl PeerQuestion {
    /// A question that nobody is asked yet.
    pub(crate) fn new(held: Held) -> Self {
        let (likely, expected, is_given_up) = (0, None, false);
        let (answered, dropped, answers) = (0, 0, Vec::new());
        Self { guarded: Mutex::new(Guarded { held, likely, expected, is_given_up, answered, dropped, answers, waker: None }) }
    }

    /// It leaves for the other nodes, of which there were so many lately.
    pub(crate) fn set_asked(&self, likely: u32) {
        self.lock().likely = likely;
    }

    /// So many other nodes are there. Ready at once if that is none.
    pub(crate) fn expect(&self, nodes: u32) {
        self.change(|guarded| guarded.expected = Some(nodes));
    }

    /// No answer will come, because this node reaches no other.
    pub(crate) fn give_up(&self) {
        self.change(|guarded| guarded.is_given_up = true);
    }

    /// One node has answered; the answer has so many bytes. Beyond what may be held it counts as missing.
    pub(crate) fn answer(&self, answer: PeerAnswer, bytes: usize) {
        self.change(|guarded| {
            guarded.answered += 1;
            if guarded.held.add(bytes) {
                guarded.answers.push(answer);
            } else {
                guarded.dropped += 1;
            }
        });
    }

    /// Ready when every node has answered.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut guarded = self.lock();
        if guarded.is_answered() {
            return Poll::Ready(());
        }
        guarded.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Takes what came. What comes later is dropped with the question.
    pub(crate) fn close(&self) -> PeerAnswers {
        let mut guarded = self.lock();
        guarded.held.release();
        let nodes = guarded.expected.unwrap_or(guarded.likely);
        let nodes_missing = nodes.saturating_sub(guarded.answered) + guarded.dropped;
        PeerAnswers { answers: std::mem::take(&mut guarded.answers), nodes_missing }
    }

    fn change(&self, change: impl FnOnce(&mut Guarded)) {
        let waker = {
            let mut guarded = self.lock();
            change(&mut guarded);
            if guarded.is_answered() { guarded.waker.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guarded {
    fn is_answered(&self) -> bool {
        self.is_given_up || self.expected.is_some_and(|expected| self.answered >= expected)
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::{PeerAnswer, PeerQuestion};
    use crate::budget::Budget;

    fn question(most: usize) -> PeerQuestion {
        PeerQuestion::new(Budget::new(most).part())
    }

    fn poll(question: &PeerQuestion) -> Poll<()> {
        question.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn ids() -> PeerAnswer {
        PeerAnswer::Ids(Vec::new())
    }

    #[test]
    fn it_is_answered_by_as_many_nodes_as_there_are() {
        let question = question(100);
        question.set_asked(5);
        question.answer(ids(), 1);
        assert!(poll(&question).is_pending(), "how many there are is not known yet");
        question.expect(2);
        assert!(poll(&question).is_pending());
        question.answer(ids(), 1);
        assert!(poll(&question).is_ready());
        let answers = question.close();
        assert_eq!(answers.answers.len(), 2);
    }

    #[test]
    fn what_does_not_answer_or_answers_too_much_is_missing() {
        let question = question(100);
        question.set_asked(1);
        question.expect(3);
        question.answer(ids(), 60);
        question.answer(ids(), 60);
        let answers = question.close();
        assert_eq!((answers.answers.len(), answers.nodes_missing), (1, 2));
    }

    #[test]
    fn without_a_way_to_the_others_it_ends_at_once_and_says_how_many_there_were() {
        let question = question(100);
        question.set_asked(2);
        question.give_up();
        assert!(poll(&question).is_ready());
        assert_eq!(question.close().nodes_missing, 2);
    }
}
