//! Lines of the log that a guest writes or prints.

use innkeeper_contract::limits::LOG_MESSAGE_BYTES_MAX;

use crate::fixed_limits::{GUEST_ERROR_LINES_MAX, GUEST_LINES_MAX};
use crate::log_limiter::LogLimiter;

/// The lines of all instances and generations of one plugin, limited, because clients can make a guest write at will.
pub(super) struct GuestLog {
    errors: LogLimiter,
    others: LogLimiter,
}

impl Default for GuestLog {
    fn default() -> Self {
        Self { errors: LogLimiter::new(GUEST_ERROR_LINES_MAX), others: LogLimiter::new(GUEST_LINES_MAX) }
    }
}

impl GuestLog {
    /// Writes a line, if the limiter admits it. `plugin` is `plugin@generation`.
    pub(super) fn line(&self, level: &str, plugin: &str, sid: &str, message: &str, fields: &[(String, String)]) {
        let limiter = if level == "error" { &self.errors } else { &self.others };
        let Some(left_out) = limiter.admit() else { return };
        if left_out > 0 {
            tracing::warn!(plugin, left_out, "lines of this plugin were left out of the log");
        }
        write(level, plugin, sid, message, fields);
    }
}

fn write(level: &str, plugin: &str, sid: &str, message: &str, fields: &[(String, String)]) {
    let message = message.get(..message.floor_char_boundary(LOG_MESSAGE_BYTES_MAX)).unwrap_or_default();
    let fields = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    match level {
        "error" => tracing::error!(plugin, sid, fields, "{message}"),
        "warn" => tracing::warn!(plugin, sid, fields, "{message}"),
        "debug" => tracing::debug!(plugin, sid, fields, "{message}"),
        "trace" => tracing::trace!(plugin, sid, fields, "{message}"),
        _ => tracing::info!(plugin, sid, fields, "{message}"),
    }
}
