//! `rate-limit`: points, counted for all instances of the plugin together.

use std::future::ready;
use std::time::Duration;

use tokio::time::Instant;

use super::InstanceState;
use super::ticket::{HostAnswer, Ticket};
use crate::plugin::bindings::v0_1::rate_limit::{Decision, Host, Limit};
use crate::plugin::bindings::v0_1::types::Failure;
use crate::plugin::capability;
use crate::plugin::validate::refusal;

const KEY_BYTES_MAX: usize = 256;
/// A longer window would outlive every host.
const WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);

impl Host for InstanceState {
    fn ask_consume(&mut self, key: String, points: u32, limit: Limit) -> Result<u64, Failure> {
        self.need(capability::RATE_LIMIT)?;
        if key.len() > KEY_BYTES_MAX {
            return Err(refusal("limit", format!("a key has at most {KEY_BYTES_MAX} bytes")));
        }
        if limit.window_ms == 0 {
            return Err(refusal("invalid", "a window needs a length"));
        }
        let table = self.context.rate_limits.clone();
        let active = self.active()?;
        active.tickets.check_count()?;
        active.flush();
        let window = Duration::from_millis(limit.window_ms).min(WINDOW_MAX);
        let decided = table.consume(&key, points, limit.points, window, Instant::now());
        let decision = Decision {
            allowed: decided.allowed,
            remaining_points: decided.remaining,
            consumed_points: decided.consumed,
            // Rounded up: who comes back then finds the window closed.
            before_next_ms: u64::try_from(decided.before_next.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
        };
        Ok(active.tickets.add(Ticket::future(ready(Ok(HostAnswer::Decision(decision))), active.ends_at)))
    }

    fn consumed(&mut self, ticket: u64) -> Result<Decision, Failure> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Decision(decision) => Ok(decision),
            other => Err(other),
        })
    }
}
