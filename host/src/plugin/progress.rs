//! What an open call is doing, for the queue of its socket.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether the queue of a socket may go on beside an open call. Written by the call and its chain, read by the connection's task
/// that polls them, so no order beyond the flags themselves is needed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    yields: AtomicBool,
    is_last: AtomicBool,
    is_overtakable: AtomicBool,
    /// The questions to clients that the instance has open in which the call waits.
    beside: Mutex<Option<OpenQuestions>>,
}

/// How many questions to clients an instance in `shared` mode has open.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenQuestions(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenQuestion(OpenQuestions);

impl Progress {
    /// The call begins a wait beside which the queue may go on: for acks of clients, which may depend on the events behind it,
    /// or for anything, if it is overtakable. Or it has ended that wait.
    pub(crate) fn set_yields(&self, yields: bool) {
        self.yields.store(yields, Ordering::Relaxed);
    }

    /// The call waits in an instance that serves others meanwhile. In the last call of its chain the queue goes on; in another as long
    /// as the instance has a question to clients open: nobody knows which of its calls awaits it.
    pub(crate) fn wait_beside(&self, questions: &OpenQuestions) {
        if self.is_last() {
            self.set_yields(true);
        } else {
            *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = Some(questions.clone());
        }
    }

    /// The call has ended.
    pub(crate) fn end_wait(&self) {
        self.set_yields(false);
        if !self.is_last() {
            *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    pub(crate) fn yields(&self) -> bool {
        self.yields.load(Ordering::Relaxed)
            || !self.is_last()
                && self.beside.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(OpenQuestions::are_open)
    }

    /// The last call of a chain begins. `overtakable`: its handler was registered with that option.
    pub(crate) fn set_last(&self, overtakable: bool) {
        self.is_last.store(true, Ordering::Relaxed);
        self.is_overtakable.store(overtakable, Ordering::Relaxed);
    }

    pub(crate) fn is_last(&self) -> bool {
        self.is_last.load(Ordering::Relaxed)
    }

    pub(crate) fn is_overtakable(&self) -> bool {
        self.is_overtakable.load(Ordering::Relaxed)
    }
}

impl OpenQuestions {
    pub(crate) fn open(&self) -> OpenQuestion {
        self.0.fetch_add(1, Ordering::Relaxed);
        OpenQuestion(self.clone())
    }

    pub(crate) fn are_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for OpenQuestion {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
