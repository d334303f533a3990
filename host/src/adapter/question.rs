//! A question to clients: an emit that awaits the acks of one socket or of many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use innkeeper_contract::limits::ANSWER_BYTES_MAX;

use super::id::SocketId;
use crate::budget::Held;
use crate::packet::Payload;

/// The result of a question. Every socket of this node that was asked is in exactly one of the lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct QuestionAnswers {
    /// In the order received. A client of another node has no id here.
    pub(crate) responses: Vec<(Option<SocketId>, Payload)>,
    /// Sockets that disconnected before answering, or whose answer was beyond the bound on bytes.
    pub(crate) missing: Vec<SocketId>,
    /// Sockets that had not answered when the question was closed.
    pub(crate) timed_out: Vec<SocketId>,
    /// Clients of other nodes that were asked and did not answer, or whose answer was beyond the bound on bytes.
    pub(crate) unanswered: u32,
    /// Other nodes that did not say how many clients they asked.
    pub(crate) nodes_missing: u32,
}

/// What of a question is awaited from other nodes.
#[derive(Default)]
struct Peers {
    /// How many nodes there were when it was last known.
    likely: u32,
    /// How many nodes ask their clients, once that is known.
    expected: Option<u32>,
    /// None of them can be reached.
    is_given_up: bool,
    /// Those that said how many clients they ask, and how many those are together.
    nodes: u32,
    asked: u64,
    /// Answers of clients, and those of them that were beyond the bound on bytes.
    answered: u64,
    dropped: u64,
}

/// A socket, as far as its open questions need it. (The socket keeps its questions, so this file must not need that one.)
pub(super) trait AskedSocket: Send + Sync {
    /// Forgets the question with this ack id: its answer is no longer awaited.
    fn forget_question(&self, ack: u64);
}

/// An open question. Every socket that was asked keeps it too, under the ack id of its packet.
pub(crate) struct Question {
    state: Mutex<QuestionState>,
}

struct QuestionState {
    /// All sockets that are to be asked were added.
    is_asked: bool,
    /// How many those are.
    asked: usize,
    /// Clients of other nodes are asked too.
    peers: Option<Peers>,
    /// Whoever waits takes each answer as it comes.
    is_streamed: bool,
    /// The sockets that have not answered.
    open: HashMap<SocketId, Arc<dyn AskedSocket>>,
    answers: BoundedAnswers,
    waker: Option<Waker>,
}

/// The answers so far, whose bytes are bounded.
struct BoundedAnswers {
    /// The bytes of the answers, out of what may be held for the one that asked.
    held: Held,
    bytes: usize,
    lists: QuestionAnswers,
}

impl Question {
    /// A question that nobody is asked yet. `held` is what the asked sockets take; the answers are added to it.
    pub(crate) fn new(held: Held) -> Self {
        let state = QuestionState {
            is_asked: false,
            asked: 0,
            peers: None,
            is_streamed: false,
            open: HashMap::new(),
            answers: BoundedAnswers { held, bytes: 0, lists: QuestionAnswers::default() },
            waker: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// Adds a socket to those that are asked. Called before the packet is queued, so that no answer can come too early.
    pub(super) fn add(&self, id: SocketId, socket: Arc<dyn AskedSocket>) {
        let mut state = self.lock();
        state.asked += 1;
        state.open.insert(id, socket);
    }

    /// How many sockets of this node were asked.
    pub(crate) fn asked(&self) -> usize {
        self.lock().asked
    }

    /// The clients of other nodes are asked too. Lately there were so many nodes.
    pub(crate) fn await_peers(&self, likely: u32) {
        self.lock().peers = Some(Peers { likely, ..Peers::default() });
    }

    /// So many other nodes were asked.
    pub(crate) fn expect_peers(&self, nodes: u32) {
        self.change_peers(|_, peers| peers.expected = Some(nodes));
    }

    /// No other node can be reached.
    pub(crate) fn give_up_peers(&self) {
        self.change_peers(|_, peers| peers.is_given_up = true);
    }

    /// Another node asks so many clients.
    pub(crate) fn peer_asked(&self, clients: u32) {
        self.change_peers(|_, peers| {
            peers.nodes += 1;
            peers.asked += u64::from(clients);
        });
    }

    /// A client of another node has answered.
    pub(crate) fn peer_answered(&self, payload: Payload) {
        self.change_peers(|answers, peers| {
            peers.answered += 1;
            if !answers.add(None, payload) {
                peers.dropped += 1;
            }
        });
    }

    /// All sockets were added. Before, nobody can say that no answer is outstanding.
    pub(crate) fn set_asked(&self) {
        let waker = {
            let mut state = self.lock();
            state.is_asked = true;
            state.waker_if_answered()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the answer of a client. It wakes the call that waits, if it was the last one.
    pub(super) fn answer(&self, socket: SocketId, payload: Payload) {
        self.settle(socket, |state| {
            if !state.answers.add(Some(socket), payload) {
                state.answers.lists.missing.push(socket);
            }
        });
    }

    /// Notes that a socket disconnected without an answer.
    pub(super) fn disconnected(&self, socket: SocketId) {
        self.settle(socket, |state| state.answers.lists.missing.push(socket));
    }

    /// Ready when no answer is outstanding.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_answered() {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ready with the answers of this node's clients that have come since the last time; with none when no more will come.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Vec<Payload>>> {
        let mut state = self.lock();
        let come = std::mem::take(&mut state.answers.lists.responses);
        if !come.is_empty() {
            state.answers.held.release();
            return Poll::Ready(Some(come.into_iter().map(|(_, payload)| payload).collect()));
        }
        if state.is_answered() {
            return Poll::Ready(None);
        }
        state.is_streamed = true;
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Closes the question with the ack id `ack`, and takes its result. The sockets that have not answered have timed out.
    pub(crate) fn close(&self, ack: u64) -> QuestionAnswers {
        let (silent, mut answers) = {
            let mut state = self.lock();
            state.answers.held.release();
            let mut answers = std::mem::take(&mut state.answers.lists);
            if let Some(peers) = &state.peers {
                (answers.unanswered, answers.nodes_missing) = peers.missing();
            }
            (std::mem::take(&mut state.open), answers)
        };
        for (id, socket) in silent {
            socket.forget_question(ack);
            answers.timed_out.push(id);
        }
        answers
    }

    /// Removes a socket from those that are asked, and lets `note` write down why.
    fn settle(&self, socket: SocketId, note: impl FnOnce(&mut QuestionState)) {
        let waker = {
            let mut state = self.lock();
            if state.open.remove(&socket).is_none() {
                return;
            }
            note(&mut state);
            state.waker_if_answered()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn change_peers(&self, change: impl FnOnce(&mut BoundedAnswers, &mut Peers)) {
        let waker = {
            let mut state = self.lock();
            let QuestionState { answers, peers, .. } = &mut *state;
            change(answers, peers.get_or_insert_default());
            state.waker_if_answered()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, QuestionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QuestionState {
    fn is_answered(&self) -> bool {
        self.is_asked && self.open.is_empty() && self.peers.as_ref().is_none_or(Peers::are_answered)
    }

    fn waker_if_answered(&mut self) -> Option<Waker> {
        if self.is_streamed || self.is_answered() { self.waker.take() } else { None }
    }
}

impl Peers {
    fn are_answered(&self) -> bool {
        self.is_given_up || self.expected.is_some_and(|expected| self.nodes >= expected) && self.answered >= self.asked
    }

    /// How many clients have not answered, and how many nodes did not say how many they asked.
    fn missing(&self) -> (u32, u32) {
        let unanswered = self.asked.saturating_sub(self.answered) + self.dropped;
        let nodes = self.expected.unwrap_or(self.likely).saturating_sub(self.nodes);
        (u32::try_from(unanswered).unwrap_or(u32::MAX), nodes)
    }
}

impl BoundedAnswers {
    /// Adds an answer. False if all together would have too many bytes.
    fn add(&mut self, socket: Option<SocketId>, payload: Payload) -> bool {
        let bytes = payload.len();
        if self.bytes + bytes > ANSWER_BYTES_MAX || !self.held.add(bytes) {
            return false;
        }
        self.bytes += bytes;
        self.lists.responses.push((socket, payload));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use innkeeper_contract::limits::ANSWER_BYTES_MAX;

    use super::{AskedSocket, Question};
    use crate::adapter::SocketId;
    use crate::budget::Budget;
    use crate::packet::Payload;

    struct Asked;

    impl AskedSocket for Asked {
        fn forget_question(&self, _ack: u64) {}
    }

    fn text(bytes: usize) -> Payload {
        Payload { args: "x".repeat(bytes), attachments: Vec::new() }
    }

    #[test]
    fn the_bytes_of_all_answers_are_bounded_together_and_what_is_beyond_counts_as_missing() {
        let [first, second, third] = [(); 3].map(|()| SocketId::random().unwrap());
        let question = Question::new(Budget::new(usize::MAX).part());
        for socket in [first, second, third] {
            question.add(socket, Arc::new(Asked));
        }
        question.answer(first, text(ANSWER_BYTES_MAX - 1));
        question.answer(second, text(1));
        question.answer(third, text(1));
        let answers = question.close(0);
        let answered: Vec<_> = answers.responses.iter().map(|(socket, _)| *socket).collect();
        assert_eq!((answered, answers.missing), (vec![Some(first), Some(second)], vec![third]));
    }

    fn is_ready(question: &Question) -> bool {
        question.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn clients_of_other_nodes_are_awaited_as_soon_as_it_is_known_how_many_there_are() {
        let question = Question::new(Budget::new(usize::MAX).part());
        question.await_peers(7);
        question.set_asked();
        question.peer_asked(2);
        question.peer_answered(text(1));
        question.peer_asked(0);
        assert!(!is_ready(&question), "how many nodes there are is not known");
        question.expect_peers(2);
        assert!(!is_ready(&question));
        question.peer_answered(text(2));
        assert!(is_ready(&question));
        let answers = question.close(0);
        assert!(answers.responses.iter().all(|(socket, _)| socket.is_none()));
        assert_eq!((answers.responses.len(), answers.unanswered, answers.nodes_missing), (2, 0, 0));
    }

    #[test]
    fn silent_clients_and_nodes_of_others_are_counted() {
        let question = Question::new(Budget::new(10).part());
        question.await_peers(1);
        question.set_asked();
        question.expect_peers(3);
        question.peer_asked(3);
        question.peer_answered(text(11));
        question.peer_answered(text(1));
        let answers = question.close(0);
        assert_eq!((answers.responses.len(), answers.unanswered, answers.nodes_missing), (1, 2, 2));
    }

    #[test]
    fn without_a_way_to_other_nodes_nobody_waits_for_them() {
        let question = Question::new(Budget::new(10).part());
        question.await_peers(2);
        question.set_asked();
        question.give_up_peers();
        assert!(is_ready(&question));
        assert_eq!(question.close(0).nodes_missing, 2);
    }

    #[test]
    fn answers_can_be_taken_one_by_one() {
        let [first, second] = [(); 2].map(|()| SocketId::random().unwrap());
        let question = Question::new(Budget::new(10).part());
        let next = || question.poll_next(&mut Context::from_waker(Waker::noop()));
        question.add(first, Arc::new(Asked));
        question.add(second, Arc::new(Asked));
        question.set_asked();
        assert!(next().is_pending());
        for socket in [first, second] {
            question.answer(socket, text(10));
            assert_eq!(next(), Poll::Ready(Some(vec![text(10)])));
        }
        assert_eq!((next(), question.asked()), (Poll::Ready(None), 2));
    }

    #[test]
    fn the_answers_to_several_questions_share_a_budget_until_they_are_taken() {
        let budget = Budget::new(100);
        let socket = SocketId::random().unwrap();
        let ask = || {
            let question = Question::new(budget.part());
            question.add(socket, Arc::new(Asked));
            question.answer(socket, text(60));
            question
        };
        let (first, second) = (ask(), ask());
        assert_eq!((first.close(0).responses.len(), second.close(0).missing), (1, vec![socket]));
        assert_eq!(ask().close(0).responses.len(), 1);
    }
}
