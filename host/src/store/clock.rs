//! The clock by which entries expire.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970. Expiry outlives the host, so no clock of this process would do.
pub(in crate::store) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The time of this machine.
pub(in crate::store) fn wall_clock() -> Clock {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Arc::new(move || u64::try_from(now()).unwrap_or(u64::MAX))
}
