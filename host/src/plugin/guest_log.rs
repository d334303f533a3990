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
    pub(super) fn line(&self, level: &str, plugin: &str, about: &About<'_>, message: &str, fields: &[(String, String)]) {
        let limiter = if level == "error" { &self.errors } else { &self.others };
        let Some(left_out) = limiter.admit() else { return };
        if left_out > 0 {
            tracing::warn!(plugin, left_out, "lines of this plugin were left out of the log");
        }
        write(level, plugin, about, message, fields);
    }
}

/// What the call was about that wrote a line. What it does not have is not in the line.
#[derive(Default)]
pub(super) struct About<'a> {
    pub(super) sid: Option<&'a str>,
    pub(super) event: Option<&'a str>,
}

fn write(level: &str, plugin: &str, about: &About<'_>, message: &str, fields: &[(String, String)]) {
    let message = cut(message);
    let fields = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    // Most lines have no fields: an empty text would look like one.
    let fields = Some(&*fields).filter(|fields| !fields.is_empty());
    let About { sid, event } = *about;
    match level {
        "error" => tracing::error!(plugin, sid, event, fields, "{message}"),
        "warn" => tracing::warn!(plugin, sid, event, fields, "{message}"),
        "debug" => tracing::debug!(plugin, sid, event, fields, "{message}"),
        "trace" => tracing::trace!(plugin, sid, event, fields, "{message}"),
        _ => tracing::info!(plugin, sid, event, fields, "{message}"),
    }
}

/// As much of a message as the log takes, in whole characters.
fn cut(message: &str) -> &str {
    message.get(..message.floor_char_boundary(LOG_MESSAGE_BYTES_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::LOG_MESSAGE_BYTES_MAX;

    use super::cut;

    #[test]
    fn a_message_has_so_many_bytes_and_no_more() {
        let longest = "x".repeat(LOG_MESSAGE_BYTES_MAX);
        for message in ["", "short", &longest] {
            assert_eq!(cut(message), message);
        }
        assert_eq!(cut(&format!("{longest}x")), longest);
        let wide = "é".repeat(LOG_MESSAGE_BYTES_MAX);
        assert_eq!(cut(&format!("x{wide}")).len(), LOG_MESSAGE_BYTES_MAX - 1, "half a character is left out");
    }
}
