//! Text files that an operator writes: the configuration, a seed, keys.
//!
//! Some editors of other systems begin a file with a byte order mark, which is no part of the text, or save it as UTF-16.

use std::io::{self, ErrorKind};
use std::path::Path;

/// The text of a file, without a byte order mark.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    decode(std::fs::read(path)?)
}

/// The text of a file that was read. The error says what the file is instead of UTF-8.
pub(crate) fn decode(bytes: Vec<u8>) -> io::Result<String> {
    if let Some(encoding) = foreign_encoding(&bytes) {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("the file is {encoding}; save it as UTF-8")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        io::Error::new(ErrorKind::InvalidData, format!("line {line} is not UTF-8; save the file as UTF-8"))
    })?;
    Ok(without_mark(&text).to_owned())
}

/// The text without a byte order mark.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// UTF-32 and UTF-16, by their marks; without one by the zeros beside a first letter of ASCII.
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match *bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [0, first, 0, second, ..] | [first, 0, second, 0, ..] if first != 0 && second != 0 => Some("UTF-16"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn a_byte_order_mark_is_no_text_and_another_encoding_is_named() {
        let text = "[server]\n# größer\n";
        assert_eq!(decode(text.into()).unwrap(), text);
        assert_eq!(decode(format!("\u{feff}{text}").into()).unwrap(), text);
        assert_eq!(decode(Vec::new()).unwrap(), "");

        let told = |bytes: Vec<u8>| decode(bytes).unwrap_err().to_string();
        let marked = format!("\u{feff}{text}");
        for text in [text, &marked] {
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            for bytes in [little, big] {
                assert_eq!(told(bytes), "the file is UTF-16; save it as UTF-8");
            }
        }
        let wide: Vec<u8> = marked.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
        assert_eq!(told(wide), "the file is UTF-32; save it as UTF-8");
        assert_eq!(told(b"[server]\n# gr\xf6\xdfer".to_vec()), "line 2 is not UTF-8; save the file as UTF-8");
    }
}
