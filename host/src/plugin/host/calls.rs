//! `calls`: waiting for answers, and sending early.

use std::future::poll_fn;
use std::task::Poll;

use super::state::InstanceState;

impl InstanceState {
    /// Waits until at least one of the tickets is answered; returns those that are. The one import that suspends the guest. The
    /// connection's task goes on meanwhile.
    pub(crate) async fn wait_for(&mut self, tickets: Vec<u64>) -> Vec<u64> {
        let Some(active) = &mut self.active else { return tickets };
        active.flush();
        if tickets.is_empty() {
            return tickets;
        }
        let open = &mut active.tickets;
        active.call.progress.set_awaits_clients(open.await_clients(&tickets));
        // Made only for calls that have to wait: most answers are there already.
        let mut clock = None;
        let answered = poll_fn(|context| {
            let answered = open.answered(&tickets, context);
            let Some(end) = open.first_end(&tickets).filter(|_| answered.is_empty()) else { return Poll::Ready(answered) };
            let clock = clock.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
            // The clock only wakes the task; whether a ticket is answered is decided by the tickets.
            match clock.as_mut().poll(context).map(|()| open.answered(&tickets, context)) {
                Poll::Ready(some) if !some.is_empty() => Poll::Ready(some),
                _ => Poll::Pending,
            }
        })
        .await;
        let has_waited = clock.is_some();
        active.call.progress.set_awaits_clients(false);
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
