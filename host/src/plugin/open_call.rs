//! A call of a `shared` plugin, between the task that awaits its end and the instance that serves it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::call::{Call, CallOutcome};
use super::progress::{OpenQuestions, Progress};
use crate::adapter::Socket;

/// A call until it has ended.
pub(crate) struct OpenCall {
    /// Whose connection awaits the end. None for calls without a socket, and for those that the host makes by itself.
    socket: Option<Arc<Socket>>,
    progress: Arc<Progress>,
    state: Mutex<OpenCallState>,
}

struct OpenCallState {
    phase: CallPhase,
    waker: Option<Waker>,
}

enum CallPhase {
    /// In the mailbox.
    Queued,
    /// The instance was entered for it, under this number.
    Begun(u64),
    Ended(CallOutcome),
    /// It has not begun, and another generation is to run it.
    HandedBack(Box<Call>),
    /// The outcome was taken, or nobody waits for one.
    Over,
}

/// What became of a call.
pub(super) enum EndOfCall {
    Ended(CallOutcome),
    /// It is to be run elsewhere.
    HandedBack(Box<Call>),
}

/// How far a call had come when it was given up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    Queued,
    Begun(u64),
    /// Just then, in this way.
    Ended(CallOutcome),
    Over,
}

impl OpenCall {
    pub(super) fn new(socket: Option<Arc<Socket>>, progress: Arc<Progress>) -> Arc<Self> {
        Arc::new(Self { socket, progress, state: Mutex::new(OpenCallState { phase: CallPhase::Queued, waker: None }) })
    }

    /// The instance is entered for the call. False if it was given up.
    pub(super) fn begin(&self, id: u64) -> bool {
        let mut state = self.lock();
        let begins = matches!(state.phase, CallPhase::Queued);
        if begins {
            state.phase = CallPhase::Begun(id);
        }
        begins
    }

    /// The call has not ended with its entry.
    pub(super) fn wait(&self, questions: &OpenQuestions) {
        self.progress.wait_beside(questions);
        self.wake();
    }

    /// Whether the queue of its socket goes on beside the call only while a question to clients is open.
    pub(super) fn waits_in_chain(&self) -> bool {
        !self.progress.is_last()
    }

    /// The call has ended, and what it wrote has been applied.
    pub(super) fn end(&self, outcome: CallOutcome) {
        self.progress.end_wait();
        {
            let mut state = self.lock();
            if let CallPhase::Over | CallPhase::Ended(_) | CallPhase::HandedBack(_) = state.phase {
                return;
            }
            state.phase = CallPhase::Ended(outcome);
        }
        self.wake();
    }

    /// The call has not begun, and will not begin here.
    pub(super) fn hand_back(&self, call: Call) {
        {
            let mut state = self.lock();
            if !matches!(state.phase, CallPhase::Queued) {
                return;
            }
            state.phase = CallPhase::HandedBack(Box::new(call));
        }
        self.wake();
    }

    /// Nobody waits for the call any more. Returns how far it had come.
    pub(super) fn give_up(&self) -> GivenUp {
        self.progress.end_wait();
        match std::mem::replace(&mut self.lock().phase, CallPhase::Over) {
            CallPhase::Queued | CallPhase::HandedBack(_) => GivenUp::Queued,
            CallPhase::Begun(id) => GivenUp::Begun(id),
            CallPhase::Ended(outcome) => GivenUp::Ended(outcome),
            CallPhase::Over => GivenUp::Over,
        }
    }

    /// The end of the call.
    pub(super) async fn ended(&self) -> EndOfCall {
        poll_fn(|context| {
            let mut state = self.lock();
            match std::mem::replace(&mut state.phase, CallPhase::Over) {
                CallPhase::Ended(outcome) => return Poll::Ready(EndOfCall::Ended(outcome)),
                CallPhase::HandedBack(call) => return Poll::Ready(EndOfCall::HandedBack(call)),
                other => state.phase = other,
            }
            if self.socket.is_none() {
                state.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Wakes the task that awaits the end: a connection by its sink, so that many of one loop are woken at once.
    pub(super) fn wake(&self) {
        match &self.socket {
            Some(socket) => socket.sink().wake(),
            None => {
                let waker = self.lock().waker.take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        }
    }

    /// Never held while something is woken.
    fn lock(&self) -> MutexGuard<'_, OpenCallState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
