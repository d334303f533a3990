//! A question to clients: an emit that awaits the acks of one socket or of many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use innkeeper_contract::limits::ANSWER_BYTES_MAX;

use super::id::SocketId;
use crate::budget::Held;
use crate::packet::Payload;

/// The result of a question. Every socket that was asked is in exactly one of the lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct QuestionAnswers {
    /// In the order received.
    pub(crate) responses: Vec<(SocketId, Payload)>,
    /// Sockets that disconnected before answering, or whose answer was beyond the bound on bytes.
    pub(crate) missing: Vec<SocketId>,
    /// Sockets that had not answered when the question was closed.
    pub(crate) timed_out: Vec<SocketId>,
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
    /// The bytes of the answers, out of what may be held for the one that asked.
    held: Held,
    answer_bytes: usize,
    /// All sockets that are to be asked were added.
    is_asked: bool,
    /// The sockets that have not answered.
    open: HashMap<SocketId, Arc<dyn AskedSocket>>,
    answers: QuestionAnswers,
    waker: Option<Waker>,
}

impl Question {
    /// A question that nobody is asked yet. `held` is what the asked sockets take; the answers are added to it.
    pub(crate) fn new(held: Held) -> Self {
        let state = QuestionState {
            held,
            answer_bytes: 0,
            is_asked: false,
            open: HashMap::new(),
            answers: QuestionAnswers::default(),
            waker: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// Adds a socket to those that are asked. Called before the packet is queued, so that no answer can come too early.
    pub(super) fn add(&self, id: SocketId, socket: Arc<dyn AskedSocket>) {
        self.lock().open.insert(id, socket);
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
            let bytes = payload.len();
            if state.answer_bytes + bytes > ANSWER_BYTES_MAX || !state.held.add(bytes) {
                state.answers.missing.push(socket);
            } else {
                state.answer_bytes += bytes;
                state.answers.responses.push((socket, payload));
            }
        });
    }

    /// Notes that a socket disconnected without an answer.
    pub(super) fn disconnected(&self, socket: SocketId) {
        self.settle(socket, |state| state.answers.missing.push(socket));
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

    /// Closes the question with the ack id `ack`, and takes its result. The sockets that have not answered have timed out.
    pub(crate) fn close(&self, ack: u64) -> QuestionAnswers {
        let (silent, mut answers) = {
            let mut state = self.lock();
            state.held.release();
            (std::mem::take(&mut state.open), std::mem::take(&mut state.answers))
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

    fn lock(&self) -> MutexGuard<'_, QuestionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QuestionState {
    fn is_answered(&self) -> bool {
        self.is_asked && self.open.is_empty()
    }

    fn waker_if_answered(&mut self) -> Option<Waker> {
        if self.is_answered() { self.waker.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        assert_eq!((answered, answers.missing), (vec![first, second], vec![third]));
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
