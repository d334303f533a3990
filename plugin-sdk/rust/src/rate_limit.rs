//! Limits of rate, counted by the host for all instances together. Needs the capability `rate-limit`.

use crate::bindings::innkeeper::plugin::rate_limit as wit;
use crate::error::Result;
use crate::host::host;
use std::time::Duration;

/// A limit: so many points in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Points in each window.
    pub points: u32,
    /// How long a window is open. It opens with the first point.
    pub window: Duration,
}

/// The answer to [`consume`]: whether the points were within the limit, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the points were within the limit.
    pub allowed: bool,
    /// Points left in this window.
    pub remaining_points: u32,
    /// Points taken in this window, these and those beyond the limit included.
    pub consumed_points: u32,
    /// The time until the window closes.
    pub before_next: Duration,
}

/// `limiter.consume(key, points)` of `rate-limiter-flexible`: takes points from what the key has left. Keys are the plugin's
/// own: other plugins do not share them. A question: what was recorded before is sent first.
///
/// With several keys ask the most general first (address, user, socket) and stop at the first that is not allowed. Who is
/// refused then makes no further keys: a plugin has so many (`rate_limit_keys_max`), and beyond them a new key displaces an
/// older one that is within its limit.
///
/// ```no_run
/// use innkeeper_plugin::{Error, Result, rate_limit::{Limit, consume}};
/// use std::time::Duration;
///
/// # fn f(address: &str) -> Result<()> {
/// let decision = consume(address, 1, Limit { points: 100, window: Duration::from_secs(60) })?;
/// if !decision.allowed {
///     Err(Error::new("Rate limit exceeded").code("RATE_LIMITED"))?;
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// If the capability is missing, the key has more than 256 bytes, or the window has no length. That the limit is reached is no
/// error.
pub fn consume(key: &str, points: u32, limit: Limit) -> Result<Decision> {
    host().consume(key, points, limit.into()).map(Decision::from)
}

impl From<Limit> for wit::Limit {
    fn from(limit: Limit) -> Self {
        Self { points: limit.points, window_ms: u64::try_from(limit.window.as_millis()).unwrap_or(u64::MAX) }
    }
}

impl From<wit::Decision> for Decision {
    fn from(decision: wit::Decision) -> Self {
        Self {
            allowed: decision.allowed,
            remaining_points: decision.remaining_points,
            consumed_points: decision.consumed_points,
            before_next: Duration::from_millis(decision.before_next_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, wit};
    use std::time::Duration;

    #[test]
    fn an_endless_window_is_the_longest_that_fits() {
        let limit: wit::Limit = Limit { points: 1, window: Duration::MAX }.into();
        assert_eq!(limit.window_ms, u64::MAX);
    }
}
