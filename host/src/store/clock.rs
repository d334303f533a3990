//! The clock by which entries expire.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970. Expiry outlives the host, so no clock of this process would do.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The time of this machine.
pub(super) fn wall_clock() -> Clock {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Arc::new(move || u64::try_from(now()).unwrap_or(u64::MAX))
}

/// Whether an entry is there yet, given when it expires (0: never).
pub(super) fn is_alive(expires: u64, now: u64) -> bool {
    expires == 0 || expires > now
}
