//! JSON strings: encoding text as one, decoding one, and finding its end.

use std::borrow::Cow;

use memchr::memchr2;
use serde_json::Value;

/// So many words of eight bytes are looked at before `memchr` is called: in a short string the call would cost more than it
/// saves.
const WORDS_FIRST: usize = 4;
/// The lowest bit of each byte of a word, and the highest.
const LOWEST: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);

/// Appends `text` as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    // Few texts need escaping; those that need none are copied as they are.
    if plain_bytes(text.as_bytes()) == text.len() {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// The number of bytes before the first that a JSON string cannot have as it is: a quote, a backslash or a control character.
pub(super) fn plain_bytes(bytes: &[u8]) -> usize {
    let mut at = 0;
    for word in bytes.as_chunks::<8>().0.iter().take(WORDS_FIRST) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += word.len();
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let length = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let plain = rest.get(..length).unwrap_or_default();
    // A walk without an early end is one that the compiler makes wide.
    if plain.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
        return at + plain.iter().position(|byte| *byte < 0x20).unwrap_or(length);
    }
    at + length
}

/// The word with the highest bit of each byte set that is a quote, a backslash or a control character. Behind the first such
/// byte there may be bits too many, never before it: a borrow runs towards the higher bytes.
fn special(word: u64) -> u64 {
    let below = |word: u64, bound: u8| word.wrapping_sub(LOWEST * u64::from(bound)) & !word;
    let equal = |byte: u8| below(word ^ (LOWEST * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGHEST
}

/// Decodes a validated JSON string. A lone half of a surrogate pair, which JavaScript lets pass, becomes U+FFFD.
pub(crate) fn decode_string(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    match serde_json::from_str::<String>(quoted) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Owned(decode_lossy(inner)),
    }
}

/// Decodes the text between the quotes of a validated string, lone surrogates included.
fn decode_lossy(inner: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            units.extend_from_slice(char.encode_utf16(&mut [0; 2]));
            continue;
        }
        let unit = match rest.next() {
            Some('u') => {
                let hex: String = rest.by_ref().take(4).collect();
                u16::from_str_radix(&hex, 16).unwrap_or(0xFFFD)
            }
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => 10,
            Some('r') => 13,
            Some('t') => 9,
            Some(other) => other as u16,
            None => 0xFFFD,
        };
        units.push(unit);
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::{decode_string, plain_bytes};

    #[test]
    fn a_string_ends_at_each_special_byte_wherever_it_stands() {
        let is_special = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
        for length in 0..100 {
            assert_eq!(plain_bytes(&vec![b' '; length]), length);
            assert_eq!(plain_bytes(&vec![0xff; length]), length);
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'x'; length];
                    bytes[at] = byte;
                    // What follows must not hide it, nor come before it.
                    bytes[at + 1..].fill(b'!');
                    let expected = if is_special(byte) { at } else { length };
                    assert_eq!(plain_bytes(&bytes), expected, "{byte:#x} at {at} of {length}");
                    bytes[at + 1..].fill(b'"');
                    let expected = if is_special(byte) { at } else { (at + 1).min(length) };
                    assert_eq!(plain_bytes(&bytes), expected, "{byte:#x} before quotes, at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_eq!(decode_string(r#""a\ud83d\ude00""#), "a😀");
        assert_eq!(decode_string(r#""a\ud83d\n""#), "a\u{fffd}\n");
    }
}
