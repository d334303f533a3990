//! Text that a terminal shows as it is: nothing in it moves the cursor, changes colours or reverses the reading direction.
//!
//! Messages of plugins, names of events and reasons come from guests and clients. Any of them could otherwise write what looks like
//! a line of the log, or hide one.

use std::fmt::{self, Write};

/// How a further line of one entry begins, so that it cannot be taken for an entry of its own.
const CONTINUED: &str = "\n    | ";

/// Writes a text as one entry of the log.
pub(super) fn write_entry(to: &mut dyn Write, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '\n' => to.write_str(CONTINUED)?,
            other => write_character(to, other)?,
        }
    }
    Ok(())
}

/// A text of several lines, shown.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let _a_string_takes_all = match character {
            '\n' => shown.write_char('\n'),
            other => write_character(&mut shown, other),
        };
    }
    shown
}

fn write_character(to: &mut dyn Write, character: char) -> fmt::Result {
    match character {
        '\t' => to.write_char('\t'),
        hidden if acts(hidden) => write!(to, "{}", hidden.escape_default()),
        plain => to.write_char(plain),
    }
}

/// Whether a terminal does something else with it than to show it: control characters, and those that Unicode has for line breaks
/// and for the direction of reading.
fn acts(character: char) -> bool {
    let is_direction =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_direction || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use super::{printable, write_entry};

    fn entry(text: &str) -> String {
        let mut written = String::new();
        write_entry(&mut written, text).unwrap();
        written
    }

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_further_lines_are_marked() {
        assert_eq!(entry("a\n2026-11-25 ERROR forged\r\nb"), "a\n    | 2026-11-25 ERROR forged\\r\n    | b");
        assert_eq!(entry("\u{1b}[31mred\u{9b}31m\u{7}"), "\\u{1b}[31mred\\u{9b}31m\\u{7}");
        assert_eq!(entry("user\u{202e}txt.exe\u{2028}x\u{2067}"), "user\\u{202e}txt.exe\\u{2028}x\\u{2067}");
        assert_eq!(entry("tab\tgrüß 👩\u{200d}🚀"), "tab\tgrüß 👩\u{200d}🚀");
        assert_eq!(printable("a\nb\u{1b}[2J"), "a\nb\\u{1b}[2J");
    }
}
