//! The interface `calls`.

use innkeeper_contract::limits::OPEN_TICKETS_MAX;

use super::generated::innkeeper::plugin::calls::Host;
use super::generated::innkeeper::plugin::types::{Outcome, Verdict};
use crate::plugin::host::{InstanceState, SettledBy};

/// A `shared` instance serves others while a call waits.
#[derive(Debug, thiserror::Error)]
#[error("`calls.wait` is for `pooled` plugins: a `shared` one answers `waiting`, and is woken with `wake`")]
struct WaitInShared;

/// A wait has no way to refuse, so the call ends.
#[derive(Debug, thiserror::Error)]
#[error("it waits for {0} tickets at once, and a call has at most {OPEN_TICKETS_MAX}")]
struct TooManyTickets(usize);

impl Host for InstanceState {
    async fn wait(&mut self, tickets: Vec<u64>) -> wasmtime::Result<Vec<u64>> {
        if self.shared.is_some() {
            return Err(WaitInShared.into());
        }
        if tickets.len() > OPEN_TICKETS_MAX {
            return Err(TooManyTickets(tickets.len()).into());
        }
        Ok(self.wait_for(tickets).await?)
    }

    fn settle(&mut self, call: u64, outcome: Outcome) {
        Self::settle(self, call, SettledBy::Settle, outcome.into());
    }

    fn settle_verdict(&mut self, call: u64, verdict: Verdict) {
        Self::settle(self, call, SettledBy::SettleVerdict, verdict.into());
    }

    fn cancel(&mut self, ticket: u64) {
        self.cancel_ticket(ticket);
    }

    fn flush(&mut self) {
        self.flush_writes();
    }
}
