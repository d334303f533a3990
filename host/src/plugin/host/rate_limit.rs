//! `rate-limit`: points, counted for all instances of the plugin together; where there are other nodes, for those too, in Redis.

use std::time::Duration;

use innkeeper_contract::limits::{RATE_LIMIT_KEY_BYTES_MAX, RATE_LIMIT_WINDOW_MAX};
use innkeeper_contract::{Refusal, refusals};
use tokio::time::Instant;

use super::state::InstanceState;
use super::ticket::{HostAnswer, Ticket};
use crate::limit_hits::LimitHit;
use crate::plugin::Plugin;
use crate::plugin::capability::Capability;
use crate::rate_limit::{Decision, Points};

impl InstanceState {
    /// Takes points of a key, out of `limit` in each window. Returns the ticket.
    pub(crate) fn ask_consume(&mut self, key: &str, points: u32, limit: u32, window_ms: u64) -> Result<u64, Refusal> {
        self.need(Capability::RateLimit)?;
        if key.len() > RATE_LIMIT_KEY_BYTES_MAX {
            return Err(refusals::rate_limit_key());
        }
        if window_ms == 0 {
            return Err(refusals::rate_limit_window());
        }
        let plugin = self.context.plugin.clone();
        let active = self.begin_question()?;
        if active.is_muted() {
            return Ok(active.tickets.add(Ticket::ready(HostAnswer::Decision(Decision::uncounted(limit)))));
        }
        let window = Duration::from_millis(window_ms).min(RATE_LIMIT_WINDOW_MAX);
        let Some(shared) = plugin.services.shared_limits.clone() else {
            let decision = consume_here(&plugin, key, points, limit, window);
            return Ok(active.tickets.add(Ticket::ready(HostAnswer::Decision(decision))));
        };
        let points_of = Points { plugin: &plugin.name, key, points, limit, window };
        let asked = shared.consume(&points_of, &plugin.rate_limit_questions);
        if asked.is_none() {
            plugin.limit_hits.hit(LimitHit::RateLimitQuestions);
        }
        let key = key.to_owned();
        let answered = Box::pin(async move {
            let counted = match asked {
                Some(asked) => asked.await,
                None => None,
            };
            let decision =
                counted.unwrap_or_else(|| shared.without_redis(limit, || consume_here(&plugin, &key, points, limit, window)));
            (Ok(HostAnswer::Decision(decision)), None)
        });
        Ok(active.tickets.add(Ticket::future(answered, active.ends_at)))
    }

    /// Takes the answer to `ask_consume`.
    pub(crate) fn take_decision(&mut self, ticket: u64) -> Result<Decision, Refusal> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Decision(decision) => Ok(decision),
            other => Err(other),
        })
    }
}

/// Takes points in the table of this node.
fn consume_here(plugin: &Plugin, key: &str, points: u32, limit: u32, window: Duration) -> Decision {
    let decision = plugin.rate_limits.consume(key, points, limit, window, Instant::now());
    if decision.displaced {
        plugin.limit_hits.hit(LimitHit::RateLimitKeys);
        if plugin.rate_limit_log.admit().is_some() {
            let plugin = &*plugin.name;
            tracing::warn!(
                plugin,
                "the table of rate limits is full (rate_limit_keys_max): new keys displace those within their limit"
            );
        }
    }
    decision
}
