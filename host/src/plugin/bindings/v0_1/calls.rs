//! The interface `calls`.

use innkeeper_contract::limits::OPEN_TICKETS_MAX;

use super::generated::innkeeper::plugin::calls::Host;
use super::generated::innkeeper::plugin::types::{Outcome, Verdict};
use crate::plugin::host::InstanceState;

/// A wait has no way to refuse, so the call ends.
#[derive(Debug, thiserror::Error)]
#[error("it waits for {0} tickets at once, and a call has at most {OPEN_TICKETS_MAX}")]
struct TooManyTickets(usize);

impl Host for InstanceState {
    async fn wait(&mut self, tickets: Vec<u64>) -> wasmtime::Result<Vec<u64>> {
        if tickets.len() > OPEN_TICKETS_MAX {
            return Err(TooManyTickets(tickets.len()).into());
        }
        Ok(self.wait_for(tickets).await?)
    }

    /// Nothing of a `pooled` plugin ever waits to be settled.
    fn settle(&mut self, _call: u64, _outcome: Outcome) {}

    fn settle_verdict(&mut self, _call: u64, _verdict: Verdict) {}

    fn cancel(&mut self, ticket: u64) {
        self.cancel_ticket(ticket);
    }

    fn flush(&mut self) {
        self.flush_writes();
    }
}
