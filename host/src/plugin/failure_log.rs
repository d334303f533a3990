//! Lines of the log about calls that failed.

use crate::adapter::Socket;
use crate::fixed_limits::FAILURE_LINES_MAX;
use crate::log_limiter::LogLimiter;

/// The failures of all generations of one plugin, limited, because clients can provoke them at will.
pub(super) struct FailureLog {
    limiter: LogLimiter,
}

impl Default for FailureLog {
    fn default() -> Self {
        Self { limiter: LogLimiter::new(FAILURE_LINES_MAX) }
    }
}

impl FailureLog {
    /// A call failed: the plugin broke, or reported a failure that no client sees. `plugin` is `plugin@generation`.
    pub(super) fn write(&self, plugin: &str, what: &str, socket: Option<&Socket>, cause: &str) {
        let Some(left_out) = self.limiter.admit() else { return };
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

    /// A plugin refused an event silently: nothing that concerns the operator, so it does not count for the limit of the others.
    pub(super) fn write_silent(plugin: &str, what: &str, socket: Option<&Socket>, cause: &str) {
        let (sid, ns) = socket.map(|socket| (socket.id(), socket.namespace().name())).unzip();
        tracing::debug!(plugin, ns, sid = sid.map(tracing::field::display), "{what} was refused silently: {cause}");
    }
}
