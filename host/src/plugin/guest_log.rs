//! Lines of the log that a guest writes or prints.

use std::sync::Arc;

use innkeeper_contract::limits::LOG_MESSAGE_BYTES_MAX;
use tracing::Level;

use super::log_ration::LogRation;
use crate::fixed_limits::GUEST_ERROR_LINES_MAX;
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;

/// The lines of all instances and generations of one plugin, limited, because clients can make a guest write at will.
pub(super) struct GuestLog {
    ration: Arc<LogRation>,
    errors: LogLimiter,
    /// Of the lines about what the ration left out.
    reports: LogLimiter,
    limit_hits: Arc<LimitHits>,
}

impl GuestLog {
    pub(super) fn new(ration: Arc<LogRation>, limit_hits: Arc<LimitHits>) -> Self {
        Self { ration, errors: LogLimiter::new(GUEST_ERROR_LINES_MAX), reports: LogLimiter::new(1), limit_hits }
    }

    /// Writes a line, if the plugin may write one. `plugin` is `plugin@generation`.
    pub(super) fn line(&self, level: &str, plugin: &str, about: &About<'_>, message: &str, fields: &[(String, String)]) {
        if !is_chosen(level) {
            return;
        }
        let (message, fields) = (cut(message), joined(fields));
        let is_error = level == "error";
        if is_error {
            let Some(left_out) = self.errors.admit() else {
                self.limit_hits.hit(LimitHit::GuestErrorLines);
                return;
            };
            if left_out > 0 {
                tracing::warn!(plugin, left_out, "errors that this plugin reported were left out of the log");
            }
        }
        if !self.ration.take(message.len() + fields.len(), is_error) {
            self.limit_hits.hit(LimitHit::LogBytesPerDay);
            if self.reports.admit().is_some() {
                tracing::warn!(
                    plugin,
                    "this plugin has written as much as [limits] log_bytes_per_day_max allows: lines are left out"
                );
            }
            return;
        }
        write(level, plugin, about, message, &fields);
    }
}

/// What the call was about that wrote a line. What it does not have is not in the line.
#[derive(Default)]
pub(super) struct About<'a> {
    /// The number of the connection.
    pub(super) conn: Option<u64>,
    pub(super) sid: Option<&'a str>,
    pub(super) event: Option<&'a str>,
}

/// Whether the log's filter takes lines of this level. What is not written takes nothing of the ration.
fn is_chosen(level: &str) -> bool {
    match level {
        "error" => tracing::enabled!(Level::ERROR),
        "warn" => tracing::enabled!(Level::WARN),
        "debug" => tracing::enabled!(Level::DEBUG),
        "trace" => tracing::enabled!(Level::TRACE),
        _ => tracing::enabled!(Level::INFO),
    }
}

fn write(level: &str, plugin: &str, about: &About<'_>, message: &str, fields: &str) {
    // Most lines have no fields: an empty text would look like one.
    let fields = Some(fields).filter(|fields| !fields.is_empty());
    let About { conn, sid, event } = *about;
    match level {
        "error" => tracing::error!(plugin, conn, sid, event, fields, "{message}"),
        "warn" => tracing::warn!(plugin, conn, sid, event, fields, "{message}"),
        "debug" => tracing::debug!(plugin, conn, sid, event, fields, "{message}"),
        "trace" => tracing::trace!(plugin, conn, sid, event, fields, "{message}"),
        _ => tracing::info!(plugin, conn, sid, event, fields, "{message}"),
    }
}

/// As much of a message as the log takes, in whole characters.
fn cut(message: &str) -> &str {
    message.get(..message.floor_char_boundary(LOG_MESSAGE_BYTES_MAX)).unwrap_or_default()
}

/// The fields as one text, as long as a message may be: a line has a bound of its own, and this one keeps the work small.
fn joined(fields: &[(String, String)]) -> String {
    let mut text = String::new();
    for part in fields.iter().flat_map(|(name, value)| [" ", name, "=", value]) {
        text.push_str(cut(part));
        if text.len() > LOG_MESSAGE_BYTES_MAX {
            break;
        }
    }
    cut(text.trim_start()).to_owned()
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::LOG_MESSAGE_BYTES_MAX;

    use super::{cut, joined};

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

    #[test]
    fn fields_are_one_text_as_long_as_a_message() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(joined(&[]), "");
        assert_eq!(joined(&[field("a", "1"), field("b", "x y")]), "a=1 b=x y");
        let many: Vec<_> = (0..100_000).map(|_| field("name", "value")).collect();
        assert_eq!(joined(&many).len(), LOG_MESSAGE_BYTES_MAX);
        assert_eq!(joined(&[field("a", &"x".repeat(10_000))]).len(), LOG_MESSAGE_BYTES_MAX);
    }
}
