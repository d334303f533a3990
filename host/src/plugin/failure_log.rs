//! What the log says when a plugin breaks.

use std::sync::Arc;

use super::log_limiter::LogLimiter;
use crate::adapter::Socket;

/// In each window of the limiter.
const LINES_MAX: u32 = 20;

/// The failures of one plugin.
pub(super) struct FailureLog {
    /// `plugin@generation`.
    label: Arc<str>,
    limiter: LogLimiter,
}

impl FailureLog {
    pub(super) fn new(label: Arc<str>) -> Self {
        Self { label, limiter: LogLimiter::new(LINES_MAX) }
    }

    /// A call failed: the plugin broke, or said so where no client hears it.
    pub(super) fn write(&self, what: &str, socket: Option<&Socket>, cause: &str) {
        let Some(left_out) = self.limiter.admit() else { return };
        let plugin = &*self.label;
        if left_out > 0 {
            tracing::error!(plugin, left_out, "failures like the next were left out of the log");
        }
        match socket {
            Some(socket) => {
                let (sid, ns) = (socket.id(), socket.namespace().name());
                tracing::error!(plugin, ns, %sid, "{what} failed: {cause}");
            }
            None => tracing::error!(plugin, "{what} failed: {cause}"),
        }
    }
}
