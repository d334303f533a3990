//! Lines of the log about calls that failed.

use std::sync::Arc;

use super::log_ration::LogRation;
use crate::adapter::Socket;
use crate::fixed_limits::{FAILURE_LINES_MAX, LOG_VALUE_BYTES_MAX};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;

/// The failures of all generations of one plugin, limited, because clients can provoke them at will.
pub(super) struct FailureLog {
    ration: Arc<LogRation>,
    limiter: LogLimiter,
    limit_hits: Arc<LimitHits>,
}

impl FailureLog {
    pub(super) fn new(ration: Arc<LogRation>, limit_hits: Arc<LimitHits>) -> Self {
        Self { ration, limiter: LogLimiter::new(FAILURE_LINES_MAX), limit_hits }
    }

    /// A call failed: the plugin broke, or reported a failure that no client sees. `plugin` is `plugin@generation`. `line` makes what
    /// failed and why: a backtrace takes longer than most calls, and only few lines of a flood of failures are written.
    pub(super) fn write(&self, plugin: &str, socket: Option<&Socket>, line: impl FnOnce() -> (String, String)) {
        let Some(left_out) = self.limiter.admit() else {
            self.limit_hits.hit(LimitHit::FailureLines);
            return;
        };
        let (what, cause) = line();
        // The failures of one day may be the plugin's last: the log has them also where the plugin has written too much.
        self.ration.take((what.len() + cause.len()).min(LOG_VALUE_BYTES_MAX), true);
        if left_out > 0 {
            tracing::error!(plugin, left_out, "failures like the next were left out of the log");
        }
        match socket {
            Some(socket) => {
                let (conn, sid, ns) = (socket.connection(), socket.id(), socket.namespace().name());
                tracing::error!(plugin, conn, ns, %sid, "{what} failed: {cause}");
            }
            None => tracing::error!(plugin, "{what} failed: {cause}"),
        }
    }

    /// A plugin refused an event silently: nothing that concerns the operator, so it does not count for the limit of the others.
    pub(super) fn write_silent(plugin: &str, what: &str, socket: Option<&Socket>, cause: &str) {
        let conn = socket.map(Socket::connection);
        let (sid, ns) = socket.map(|socket| (socket.id(), socket.namespace().name())).unzip();
        tracing::debug!(plugin, conn, ns, sid = sid.map(tracing::field::display), "{what} was refused silently: {cause}");
    }
}
