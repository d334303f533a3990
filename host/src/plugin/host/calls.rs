//! `calls`: waiting for answers, and sending early.

use std::future::poll_fn;
use std::task::Poll;

use super::CallState;
use crate::plugin::bindings::v0_1::calls::Host;
use crate::plugin::bindings::v0_1::types::{Outcome, Verdict};

impl Host for CallState {
    /// The one import that suspends the guest. The connection's task goes on meanwhile.
    async fn wait(&mut self, tickets: Vec<u64>) -> Vec<u64> {
        let Some(active) = &mut self.active else { return tickets };
        active.flush();
        if tickets.is_empty() {
            return tickets;
        }
        let open = &mut active.tickets;
        active.call.progress.set_awaits_clients(open.await_clients(&tickets));
        let mut clock = open.first_end(&tickets).map(|end| Box::pin(tokio::time::sleep_until(end)));
        let answered = poll_fn(|context| {
            // The clock wakes us; whether it was time is for the tickets to say.
            let _ = clock.as_mut().map(|clock| clock.as_mut().poll(context));
            match open.answered(&tickets, context) {
                none if none.is_empty() => Poll::Pending,
                some => Poll::Ready(some),
            }
        })
        .await;
        active.call.progress.set_awaits_clients(false);
        self.clock.waited = true;
        answered
    }

    /// Nothing of a `pooled` plugin ever waits to be settled.
    fn settle(&mut self, _call: u64, _outcome: Outcome) {}

    fn settle_verdict(&mut self, _call: u64, _verdict: Verdict) {}

    fn cancel(&mut self, ticket: u64) {
        if let Some(active) = &mut self.active {
            active.tickets.cancel(ticket);
        }
    }

    fn flush(&mut self) {
        if let Some(active) = &mut self.active {
            active.flush();
        }
    }
}
