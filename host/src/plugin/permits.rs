//! The rights of calls to run and to wait, for the instances of one generation.
//!
//! A call holds an instance from its beginning to its end. While it waits it does not count among those that run: so acks that
//! never come stop no other call. Both kinds are bounded; where too many wait, a call goes on to count as one that runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// What the calls of one generation may have at once.
pub(super) struct Permits {
    /// Never held over an await.
    state: Mutex<PermitCounts>,
}

struct PermitCounts {
    /// Calls that may begin to run.
    running: usize,
    /// Calls that may begin to wait.
    waiting: usize,
    /// Calls that have waited and want to go on. They go before those that have not begun, because they hold an instance.
    woken: VecDeque<oneshot::Sender<Permit>>,
    begun: VecDeque<oneshot::Sender<Permit>>,
}

/// The right of one call to have an instance.
pub(crate) struct Permit {
    permits: Arc<Permits>,
    right: Right,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    Running,
    Waiting,
    Nothing,
}

impl Permits {
    pub(super) fn new(running: usize, waiting: usize) -> Arc<Self> {
        let state = PermitCounts { running, waiting, woken: VecDeque::new(), begun: VecDeque::new() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// How many calls may begin to run, and to wait, and how many stand in line for an instance.
    pub(super) fn free_and_queued(&self) -> (usize, usize, usize) {
        let state = self.lock();
        let queued = state.woken.iter().chain(&state.begun).filter(|call| !call.is_closed()).count();
        (state.running, state.waiting, queued)
    }

    /// The right to run, if one is free.
    pub(super) fn try_run(self: &Arc<Self>) -> Option<Permit> {
        let mut state = self.lock();
        state.running = state.running.checked_sub(1)?;
        Some(self.permit(Right::Running))
    }

    /// The right to run, when one is free.
    pub(super) async fn run(self: &Arc<Self>) -> Permit {
        self.next(|state| &mut state.begun).await
    }

    async fn next(self: &Arc<Self>, queue: fn(&mut PermitCounts) -> &mut VecDeque<oneshot::Sender<Permit>>) -> Permit {
        loop {
            let handed = {
                let mut state = self.lock();
                if let Some(left) = state.running.checked_sub(1) {
                    state.running = left;
                    return self.permit(Right::Running);
                }
                let (sender, handed) = oneshot::channel();
                queue(&mut state).push_back(sender);
                handed
            };
            // The sender is gone only with the permits.
            if let Ok(permit) = handed.await {
                return permit;
            }
        }
    }

    /// A call that ran has ended or waits: the next one runs.
    fn free(self: &Arc<Self>, state: &mut PermitCounts) {
        let mut permit = self.permit(Right::Running);
        while let Some(next) = state.woken.pop_front().or_else(|| state.begun.pop_front()) {
            match next.send(permit) {
                Ok(()) => return,
                // That call is not there any more.
                Err(unsent) => permit = unsent,
            }
        }
        permit.right = Right::Nothing;
        state.running += 1;
    }

    fn permit(self: &Arc<Self>, right: Right) -> Permit {
        Permit { permits: self.clone(), right }
    }

    fn lock(&self) -> MutexGuard<'_, PermitCounts> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The call begins to wait. Returns whether it stands apart from those that run now.
    pub(super) fn wait(&mut self) -> bool {
        let permits = self.permits.clone();
        let mut state = permits.lock();
        match state.waiting.checked_sub(1) {
            Some(left) if self.right == Right::Running => {
                state.waiting = left;
                self.right = Right::Waiting;
                permits.free(&mut state);
                true
            }
            _ => self.right == Right::Waiting,
        }
    }

    /// The call has waited, and goes on when it may run.
    pub(super) async fn run_again(&mut self) {
        if self.right == Right::Waiting {
            let running = self.permits.next(|state| &mut state.woken).await;
            *self = running;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        match self.right {
            Right::Running => self.permits.free(&mut self.permits.lock()),
            Right::Waiting => self.permits.lock().waiting += 1,
            Right::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{Permit, Permits};

    fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_call_that_waits_lets_another_run_and_goes_before_those_that_have_not_begun() {
        let permits = Permits::new(1, 1);
        let mut asker = permits.try_run().unwrap();
        assert!(permits.try_run().is_none());
        assert!(asker.wait());
        let mut second = permits.try_run().unwrap();
        assert!(!second.wait(), "one call may wait");
        let mut context = Context::from_waker(Waker::noop());
        let mut begins = pin!(permits.run());
        assert!(begins.as_mut().poll(&mut context).is_pending());
        {
            let mut goes_on = pin!(asker.run_again());
            assert!(goes_on.as_mut().poll(&mut context).is_pending());
            drop(second);
            assert!(begins.as_mut().poll(&mut context).is_pending());
            assert!(goes_on.as_mut().poll(&mut context).is_ready());
        }
        drop(asker);
        let Poll::Ready(third) = begins.as_mut().poll(&mut context) else { panic!("it may begin") };
        drop(third);
        assert!(permits.try_run().is_some_and(|mut permit| permit.wait()));
    }

    #[test]
    fn the_right_of_a_call_that_is_not_there_any_more_goes_to_the_next() {
        let permits = Permits::new(1, 1);
        let first = permits.try_run().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut gone = Box::pin(permits.run());
        let mut handed_and_gone = Box::pin(permits.run());
        let mut stays = Box::pin(permits.run());
        for waiting in [&mut gone, &mut handed_and_gone, &mut stays] {
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        drop(gone);
        drop(first);
        drop(handed_and_gone);
        assert!(poll(stays.as_mut()).is_some_and(|_: Permit| true));
        assert!(permits.try_run().is_some());
    }
}
