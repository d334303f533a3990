//! The interface `rate-limit`.

use super::generated::innkeeper::plugin::rate_limit::{Decision, Host, Limit};
use super::generated::innkeeper::plugin::types::Failure;
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn ask_consume(&mut self, key: String, points: u32, limit: Limit) -> Result<u64, Failure> {
        Self::ask_consume(self, &key, points, limit.points, limit.window_ms).map_err(|refusal| self.refused(refusal))
    }

    fn consumed(&mut self, ticket: u64) -> Result<Decision, Failure> {
        let decision = self.take_decision(ticket).map_err(|refusal| self.refused(refusal))?;
        Ok(Decision {
            allowed: decision.allowed,
            remaining_points: decision.remaining,
            consumed_points: decision.consumed,
            // Rounded up: a client that comes back then finds the window closed.
            before_next_ms: u64::try_from(decision.before_next.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
        })
    }
}
