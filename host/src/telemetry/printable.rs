//! Text that a terminal shows as it is: nothing in it moves the cursor, changes colours or reverses the reading direction.
//!
//! Messages of plugins, names of events and reasons come from guests and clients. Any of them could otherwise write what looks like
//! a line of the log, or hide one.

/// A text of several lines, shown.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            hidden if acts(hidden) => shown.extend(hidden.escape_default()),
            plain => shown.push(plain),
        }
    }
    shown
}

/// Whether a terminal does something else with it than to show it: control characters, and those that Unicode has for line breaks
/// and for the direction of reading.
pub(super) fn acts(character: char) -> bool {
    let is_direction =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_direction || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        assert_eq!(printable("\u{1b}[31mred\u{9b}31m\u{7}"), "\\u{1b}[31mred\\u{9b}31m\\u{7}");
        assert_eq!(printable("user\u{202e}txt.exe\u{2028}x\u{2067}"), "user\\u{202e}txt.exe\\u{2028}x\\u{2067}");
        assert_eq!(printable("tab\tgrüß 👩\u{200d}🚀"), "tab\tgrüß 👩\u{200d}🚀");
        assert_eq!(printable("a\nb\u{1b}[2J"), "a\nb\\u{1b}[2J");
    }
}
