//! A question to clients: an emit that awaits the acks of one socket or of many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use innkeeper_contract::limits::ANSWER_BYTES_MAX;

use super::{Socket, SocketId};
use crate::json::Payload;

/// What came of a question. Everyone who was asked is in exactly one of the lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct QuestionAnswers {
    /// In the order in which they came.
    pub(crate) responses: Vec<(SocketId, Payload)>,
    /// Who left before answering, or whose answer found no room any more.
    pub(crate) missing: Vec<SocketId>,
    /// Who had not answered when the question was closed.
    pub(crate) timed_out: Vec<SocketId>,
}

/// An open question. It also stands in the record of every socket that was asked, under the ack id that they were given.
#[derive(Default)]
pub(crate) struct Question {
    state: Mutex<QuestionState>,
}

#[derive(Default)]
struct QuestionState {
    open: HashMap<SocketId, Arc<Socket>>,
    answer_bytes: usize,
    answers: QuestionAnswers,
    waker: Option<Waker>,
}

impl Question {
    /// One more socket is asked. Called before the packet is put, so that no answer can come too early.
    pub(super) fn add(&self, socket: &Arc<Socket>) {
        self.lock().open.insert(socket.id(), socket.clone());
    }

    /// A client answered: the question wakes at once.
    pub(super) fn answered(&self, socket: SocketId, payload: Payload) {
        self.settle(socket, |state| {
            state.answer_bytes += payload.len();
            if state.answer_bytes > ANSWER_BYTES_MAX {
                state.answers.missing.push(socket);
            } else {
                state.answers.responses.push((socket, payload));
            }
        });
    }

    /// A socket left without an answer.
    pub(super) fn disconnected(&self, socket: SocketId) {
        self.settle(socket, |state| state.answers.missing.push(socket));
    }

    /// Ready when nobody is left to answer.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.open.is_empty() {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Closes the question, which has the ack id `ack`, and takes what came of it. Whoever is silent until now has timed out.
    pub(crate) fn close(&self, ack: u64) -> QuestionAnswers {
        let (silent, mut answers) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.open), std::mem::take(&mut state.answers))
        };
        for socket in silent.into_values() {
            socket.close_question(ack);
            answers.timed_out.push(socket.id());
        }
        answers
    }

    fn settle(&self, socket: SocketId, note: impl FnOnce(&mut QuestionState)) {
        let waker = {
            let mut state = self.lock();
            if state.open.remove(&socket).is_none() {
                return;
            }
            note(&mut state);
            if state.open.is_empty() { state.waker.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, QuestionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
