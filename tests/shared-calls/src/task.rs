//! A call as a task: what it ends with, in its own entry or in a later one.

use std::task::Poll;

use innkeeper_plugin::bindings::innkeeper::plugin::calls;
use innkeeper_plugin::bindings::{CallId, Outcome, Verdict};

use crate::tasks::{keep, next_id, poll};

/// What a call ends with: an outcome or a verdict.
pub trait Ending: Sized + 'static {
    /// The call goes on after its entry.
    const WAITING: Self;

    /// Ends a call that has returned [`WAITING`](Self::WAITING).
    fn settle(self, call: CallId);
}

impl Ending for Outcome {
    const WAITING: Self = Self::Waiting;

    fn settle(self, call: CallId) {
        calls::settle(call, &self);
    }
}

impl Ending for Verdict {
    const WAITING: Self = Self::Waiting;

    fn settle(self, call: CallId) {
        calls::settle_verdict(call, &self);
    }
}

/// What an export returns for this call: the end of the work, or that it waits.
pub fn run<E: Ending>(call: CallId, work: impl Future<Output = E> + 'static) -> E {
    let id = next_id();
    let mut work = Box::pin(work);
    match poll(id, work.as_mut()) {
        Poll::Ready(end) => end,
        Poll::Pending => {
            keep(id, Box::pin(async move { work.await.settle(call) }));
            E::WAITING
        }
    }
}

/// Begins work for which no call waits.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    let id = next_id();
    let mut work = Box::pin(work);
    if poll(id, work.as_mut()).is_pending() {
        keep(id, work);
    }
}
