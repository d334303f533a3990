//! What the log says when a plugin breaks.

use std::sync::Arc;

use super::log_limiter::LogLimiter;
use crate::adapter::Socket;

/// In each window of the ration.
const LINES_MAX: u32 = 20;

/// The failures of one plugin.
pub(super) struct Reporter {
    /// `plugin@generation`.
    label: Arc<str>,
    ration: LogLimiter,
}

impl Reporter {
    pub(super) fn new(label: Arc<str>) -> Self {
        Self { label, ration: LogLimiter::new(LINES_MAX) }
    }

    /// A call failed: the plugin broke, or said so where no client hears it.
    pub(super) fn broke(&self, what: &str, socket: Option<&Socket>, cause: &str) {
        let Some(left_out) = self.ration.admit() else { return };
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
