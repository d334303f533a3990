//! `calls`: waiting for answers, and sending early.

use std::future::poll_fn;
use std::task::Poll;

use tokio::time::{Instant, timeout_at};

use super::state::InstanceState;
use crate::limit_hits::LimitHit;
use crate::plugin::permits::Permit;

/// The call waited for longer than it may take.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("it took longer than call_ms allows")]
pub(crate) struct CallTimeExceeded;

impl InstanceState {
    /// Waits until at least one of the tickets is answered; returns those that are. The one import that suspends the guest. The
    /// connection's task goes on meanwhile, and so do other calls, for which a call that waits makes room. Fails if the call ends
    /// before.
    pub(crate) async fn wait_for(&mut self, tickets: Vec<u64>) -> Result<Vec<u64>, CallTimeExceeded> {
        if let Some(active) = &mut self.active {
            active.flush_in_turns(&self.running).await;
        }
        self.running.go_home().await;
        let answered = self.wait_at_home(tickets).await;
        // An answer that was there at once would let the guest compute at home, for a tick in each of its waits.
        if self.context.plugin.threads.is_over_share() {
            self.running.go_away().await;
        }
        answered
    }

    async fn wait_at_home(&mut self, tickets: Vec<u64>) -> Result<Vec<u64>, CallTimeExceeded> {
        let Self { active: Some(active), context, .. } = self else { return Ok(tickets) };
        if tickets.is_empty() {
            return Ok(tickets);
        }
        let open = &mut active.tickets;
        let (progress, permit) = (&active.call.progress, &mut active.permit);
        // Made only for calls that have to wait: most answers are there already.
        let mut clock = None;
        let answered = poll_fn(|task| {
            let answered = open.answered(&tickets, task);
            let Some(end) = open.first_end(&tickets).filter(|_| answered.is_empty()) else { return Poll::Ready(Ok(answered)) };
            let clock = clock.get_or_insert_with(|| {
                let stands_apart = permit.as_mut().is_some_and(Permit::wait);
                if !stands_apart {
                    context.plugin.limit_hits.hit(LimitHit::Waiting);
                }
                // Where too many calls wait already, the queue stands.
                progress.set_yields(open.await_clients(&tickets) || (progress.is_overtakable() && stands_apart));
                Box::pin(tokio::time::sleep_until(end.min(active.ends_at)))
            });
            // The clock only wakes the task; whether a ticket is answered is decided by the tickets.
            match clock.as_mut().poll(task).map(|()| open.answered(&tickets, task)) {
                Poll::Ready(some) if !some.is_empty() => Poll::Ready(Ok(some)),
                Poll::Ready(_) if active.ends_at <= Instant::now() => Poll::Ready(Err(CallTimeExceeded)),
                _ => Poll::Pending,
            }
        })
        .await;
        progress.set_yields(false);
        let Some(permit) = &mut active.permit else { return answered };
        match timeout_at(active.ends_at, permit.run_again()).await {
            Ok(()) => answered,
            Err(_) => Err(CallTimeExceeded),
        }
    }

    /// Takes a question back.
    pub(crate) fn cancel_ticket(&mut self, ticket: u64) {
        if let Some(active) = &mut self.active {
            active.tickets.cancel(ticket);
        }
    }

    /// Sends what was recorded.
    pub(crate) fn flush_writes(&mut self) {
        if let Some(active) = &mut self.active {
            active.flush();
        }
    }
}
