//! How a line of the log looks: its time, level, message and fields, as text or as JSON.
//!
//! Messages and fields come from clients and guests, too, in any length. Each value is cut while it is formatted, and so is the
//! line; both have the mark `…(cut)` then, and JSON stays JSON. Nothing in a line acts on a terminal.

use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::printable::acts;
use crate::fixed_limits::{LOG_LINE_BYTES_MAX, LOG_VALUE_BYTES_MAX};

const CUT: &str = "…(cut)";
/// How a further line of one message begins, so that it cannot be taken for a line of its own.
const CONTINUED: &str = "\n    | ";
/// Bytes of a line that are kept for its end: the mark, and in JSON the target.
const END_BYTES: usize = 256;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// For a terminal.
    Text { coloured: bool },
    /// For programs: one object in each line.
    Json,
}

/// The line of an event, with the line break at its end.
pub(super) fn line(style: Style, event: &Event<'_>) -> String {
    let (level, target) = (*event.metadata().level(), event.metadata().target());
    let mut line = String::with_capacity(256);
    let now = timestamp(SystemTime::now());
    let _a_string_takes_all = match style {
        Style::Text { coloured: true } => write!(line, "\x1b[2m{now}\x1b[0m \x1b[{}m{level:>5}\x1b[0m", colour(level)),
        Style::Text { coloured: false } => write!(line, "{now} {level:>5}"),
        Style::Json => write!(line, "{{\"timestamp\":\"{now}\",\"level\":\"{level}\""),
    };
    let mut fields = Fields { line: &mut line, style, left_out: false };
    event.record(&mut fields);
    fields.end(target);
    line
}

/// The message of an event alone, as a text of several lines.
pub(super) fn message(event: &Event<'_>) -> String {
    struct Message(String);
    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                let _a_string_takes_all = writeln!(self.0, "{value:?}");
            }
        }
    }
    let mut message = Message(String::new());
    event.record(&mut message);
    message.0
}

/// The fields of one line, written one after the other.
struct Fields<'a> {
    line: &'a mut String,
    style: Style,
    /// Whether the line had no room for a field.
    left_out: bool,
}

impl Fields<'_> {
    /// Writes a field. `is_bare`: in JSON the value stands without quotes.
    fn write(&mut self, field: &Field, is_bare: bool, value: fmt::Arguments<'_>) {
        let name = field.name().strip_prefix("r#").unwrap_or(field.name());
        let room = LOG_LINE_BYTES_MAX.saturating_sub(self.line.len() + name.len() + END_BYTES);
        if room < END_BYTES {
            self.left_out = true;
            return;
        }
        let escape = match self.style {
            Style::Text { .. } if name == "message" => escape_message,
            Style::Text { .. } => escape_text,
            Style::Json => escape_json,
        };
        let (before, after) = match self.style {
            Style::Text { .. } if name == "message" => (" ".to_owned(), ""),
            Style::Text { .. } => (format!(" {name}="), ""),
            Style::Json if is_bare => (format!(",\"{name}\":"), ""),
            Style::Json => (format!(",\"{name}\":\""), "\""),
        };
        self.line.push_str(&before);
        let mut to = ValueWriter { line: self.line, left: room.min(LOG_VALUE_BYTES_MAX), escape };
        // An error says that the value is cut.
        if to.write_fmt(value).is_err() {
            self.line.push_str(CUT);
        }
        self.line.push_str(after);
    }

    fn end(self, target: &str) {
        let Self { line, style, left_out } = self;
        match style {
            Style::Text { .. } => {
                if left_out {
                    line.push_str(CUT);
                }
            }
            Style::Json => {
                if left_out {
                    line.push_str(",\"cut\":true");
                }
                let target = target.get(..target.floor_char_boundary(END_BYTES / 2)).unwrap_or_default();
                // The path of a module.
                let _a_string_takes_all = write!(line, ",\"target\":{target:?}}}");
            }
        }
        line.push('\n');
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.write(field, value.is_finite(), format_args!("{value:?}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, true, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, true, format_args!("{value}"));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.write(field, false, format_args!("{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.write(field, false, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, true, format_args!("{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match self.style {
            // In quotes, so that its end can be seen.
            Style::Text { .. } if field.name() != "message" => self.write(field, false, format_args!("{value:?}")),
            _ => self.write(field, false, format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, false, format_args!("{value:?}"));
    }
}

/// Takes one value, escaped, up to a number of bytes. Then it fails, which ends the formatting of a value of any length.
struct ValueWriter<'a> {
    line: &'a mut String,
    left: usize,
    escape: fn(&mut String, char),
}

impl Write for ValueWriter<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let before = self.line.len();
            (self.escape)(self.line, character);
            let written = self.line.len() - before;
            if written > self.left {
                self.line.truncate(before);
                self.left = 0;
                return Err(fmt::Error);
            }
            self.left -= written;
        }
        Ok(())
    }
}

fn escape_message(line: &mut String, character: char) {
    match character {
        '\n' => line.push_str(CONTINUED),
        '\t' => line.push('\t'),
        other => escape_text(line, other),
    }
}

fn escape_text(line: &mut String, character: char) {
    if acts(character) { line.extend(character.escape_default()) } else { line.push(character) }
}

fn escape_json(line: &mut String, character: char) {
    match character {
        '"' => line.push_str("\\\""),
        '\\' => line.push_str("\\\\"),
        '\n' => line.push_str("\\n"),
        // None of them is beyond the first 65,536 characters of Unicode.
        hidden if acts(hidden) => {
            let _a_string_takes_all = write!(line, "\\u{:04x}", u32::from(hidden));
        }
        plain => line.push(plain),
    }
}

/// RFC 3339 in UTC, with microseconds.
fn timestamp(now: SystemTime) -> String {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or_default();
    let date = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second) = date.to_hms();
    let micros = since_epoch.subsec_micros();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z", u8::from(month))
}

/// The number of a level's colour on a terminal.
fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::Value;
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::{LOG_LINE_BYTES_MAX, LOG_VALUE_BYTES_MAX, Style, line, timestamp};

    const TEXT: Style = Style::Text { coloured: false };

    /// The lines of what is logged meanwhile.
    fn lines(style: Style, log: impl FnOnce()) -> String {
        struct Lines(Style, Arc<Mutex<String>>);
        impl<S: tracing::Subscriber> Layer<S> for Lines {
            fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
                self.1.lock().unwrap().push_str(&line(self.0, event));
            }
        }
        let written = Arc::new(Mutex::new(String::new()));
        let subscriber = tracing_subscriber::registry().with(Lines(style, written.clone()));
        tracing::subscriber::with_default(subscriber, log);
        written.lock().unwrap().clone()
    }

    fn json(log: impl FnOnce()) -> Value {
        serde_json::from_str(&lines(Style::Json, log)).unwrap()
    }

    #[test]
    fn a_line_has_message_and_fields() {
        let log = || tracing::warn!(plugin = "chat@1", bytes = 5, ratio = 0.5, off = true, error = %"no \"file\"", "it\nfailed");
        let text = lines(TEXT, log);
        let (time, rest) = text.split_once(' ').unwrap();
        assert_eq!((time.len(), &time[10..11]), ("2026-11-26T00:00:00.000000Z".len(), "T"));
        assert_eq!(rest, " WARN it\n    | failed plugin=\"chat@1\" bytes=5 ratio=0.5 off=true error=no \"file\"\n");
        let mut value = json(log);
        value.as_object_mut().unwrap().remove("timestamp");
        let expected = serde_json::json!({
            "level": "WARN", "message": "it\nfailed", "plugin": "chat@1", "bytes": 5, "ratio": 0.5, "off": true,
            "error": "no \"file\"", "target": module_path!(),
        });
        assert_eq!(value, expected);
        assert_eq!(timestamp(UNIX_EPOCH + Duration::from_micros(951_782_400_000_007)), "2000-02-29T00:00:00.000007Z");
    }

    #[test]
    fn what_acts_on_a_terminal_is_escaped_in_every_field_and_in_json() {
        let hostile = "a\u{1b}[2J\r\n2026 ERROR forged\u{202e}\u{2028}\u{9b}31m\u{feff}";
        let log = || tracing::info!(text = hostile, shown = %hostile, debug = ?[hostile], "{hostile}");
        let text = lines(TEXT, log);
        assert!(text.lines().skip(1).all(|line| line.starts_with("    | ")), "{text}");
        assert!(text.lines().count() == 2 && text.contains("shown=a\\u{1b}[2J\\r\\n2026 ERROR"), "{text}");
        let object = lines(Style::Json, log);
        for line in [text, object.clone()] {
            let acts = |letter: char| letter.is_control() && letter != '\n' || matches!(letter, '\u{202e}' | '\u{2028}');
            assert!(!line.contains(acts), "{line:?}");
        }
        assert_eq!(object.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&object).unwrap()["text"], hostile);
    }

    #[test]
    fn a_value_has_log_value_bytes_max_and_a_line_log_line_bytes_max() {
        // Each letter is two bytes, and the quote is escaped.
        let (long, quotes) = ("é".repeat(LOG_LINE_BYTES_MAX), "\"".repeat(LOG_LINE_BYTES_MAX));
        let log = || tracing::info!(plugin = "chat@1", shown = %long, quotes = &*quotes, again = ?long, last = 1, "{long}");
        for style in [TEXT, Style::Json] {
            let written = lines(style, log);
            assert!(written.len() <= LOG_LINE_BYTES_MAX && written.ends_with('\n'), "{}", written.len());
            assert!(written.matches("…(cut)").count() >= 2);
        }
        let value = json(log);
        assert_eq!((&value["plugin"], &value["cut"]), (&"chat@1".into(), &true.into()));
        let message = value["message"].as_str().unwrap();
        assert_eq!(message.strip_suffix("…(cut)").unwrap().len(), LOG_VALUE_BYTES_MAX);
        let whole = "x".repeat(LOG_VALUE_BYTES_MAX);
        assert_eq!(json(|| tracing::info!("{whole}"))["message"], *whole);
    }

    #[test]
    fn a_value_is_formatted_no_further_than_it_is_shown() {
        struct Endless;
        impl std::fmt::Display for Endless {
            fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                loop {
                    to.write_str("and so on ")?;
                }
            }
        }
        assert!(lines(Style::Json, || tracing::info!("{Endless}")).len() < LOG_LINE_BYTES_MAX);
    }
}
