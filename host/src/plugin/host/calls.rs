//! `calls`: waiting for answers, and sending early.

use std::future::poll_fn;
use std::task::Poll;

use tokio::time::Instant;

use super::state::InstanceState;

/// The call waited for longer than it may take.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("it took longer than call_ms allows")]
pub(crate) struct CallTimeExceeded;

impl InstanceState {
    /// Waits until at least one of the tickets is answered; returns those that are. The one import that suspends the guest. The
    /// connection's task goes on meanwhile. Fails if the call ends before.
    pub(crate) async fn wait_for(&mut self, tickets: Vec<u64>) -> Result<Vec<u64>, CallTimeExceeded> {
        let Self { active: Some(active), context, .. } = self else { return Ok(tickets) };
        active.flush();
        if tickets.is_empty() {
            return Ok(tickets);
        }
        let open = &mut active.tickets;
        let progress = &active.call.progress;
        let awaits_clients = open.await_clients(&tickets);
        // Where too many instances wait already, the queue stands.
        let overtaken = progress.is_overtakable().then(|| context.overtaken.try_acquire().ok()).flatten();
        progress.set_yields(awaits_clients || overtaken.is_some());
        // Made only for calls that have to wait: most answers are there already.
        let mut clock = None;
        let answered = poll_fn(|context| {
            let answered = open.answered(&tickets, context);
            let Some(end) = open.first_end(&tickets).filter(|_| answered.is_empty()) else { return Poll::Ready(Ok(answered)) };
            let clock = clock.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end.min(active.ends_at))));
            // The clock only wakes the task; whether a ticket is answered is decided by the tickets.
            match clock.as_mut().poll(context).map(|()| open.answered(&tickets, context)) {
                Poll::Ready(some) if !some.is_empty() => Poll::Ready(Ok(some)),
                Poll::Ready(_) if active.ends_at <= Instant::now() => Poll::Ready(Err(CallTimeExceeded)),
                _ => Poll::Pending,
            }
        })
        .await;
        let has_waited = clock.is_some();
        progress.set_yields(false);
        // Else a guest that waits again and again for what is there would stop the clock of its own running time.
        self.clock.waited |= has_waited;
        answered
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
