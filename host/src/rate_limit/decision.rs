//! The answer of a limit of rate.

use std::time::Duration;

/// The answer to taking points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    pub(crate) remaining: u32,
    pub(crate) consumed: u32,
    pub(crate) before_next: Duration,
    /// Whether the table was full, and the window of another key was closed before its time.
    pub(crate) displaced: bool,
}

impl Decision {
    /// Allowed, and counted nowhere.
    pub(crate) fn uncounted(limit: u32) -> Self {
        Self { allowed: true, remaining: limit, consumed: 0, before_next: Duration::ZERO, displaced: false }
    }
}
