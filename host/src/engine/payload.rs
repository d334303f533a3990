//! The body of a polling request or response: packets, with a record separator between them; binary ones as base64.

use std::collections::VecDeque;

use base64::{
    Engine as _,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

use crate::frame::Frame;

const SEPARATOR: u8 = 0x1e;
/// The packet CLOSE.
pub(super) const CLOSE: &[u8] = b"1";
/// The packet NOOP.
pub(super) const NOOP: &[u8] = b"6";

/// Base64 without its padding. Bits that are left over mean nothing.
const UNPADDED: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone).with_decode_allow_trailing_bits(true),
);

/// The packets in the body of a POST. An empty body is one empty packet, which is malformed, as in Node.
pub(super) fn split(body: &str) -> impl Iterator<Item = &str> {
    body.split(char::from(SEPARATOR))
}

/// Bytes that a frame takes in a body, with its separator.
pub(super) fn encoded_length(frame: &Frame) -> usize {
    let length = frame.packet().len();
    if frame.is_binary() { length.div_ceil(3) * 4 + 2 } else { length + 1 }
}

/// The body of a response with these packets.
pub(super) fn join(frames: &VecDeque<Frame>) -> Vec<u8> {
    let mut body = Vec::with_capacity(frames.iter().map(encoded_length).sum());
    for frame in frames {
        if !body.is_empty() {
            body.push(SEPARATOR);
        }
        if frame.is_binary() {
            body.push(b'b');
            body.extend_from_slice(STANDARD.encode(frame.packet()).as_bytes());
        } else {
            body.extend_from_slice(frame.packet());
        }
    }
    body
}

/// The bytes of a binary packet; `text` is without the leading `b`. What `Buffer.from(text, "base64")` of Node.js reads: the
/// encoders of some platforms break lines, leave the padding out or use the alphabet for URLs, so all else is skipped, and the
/// first `=` is the end.
pub(super) fn decode_binary(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_else(|_| decode_loose(text))
}

fn decode_loose(text: &str) -> Vec<u8> {
    let digit = |byte| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => Some(byte),
        _ => None,
    };
    let mut digits: Vec<u8> = text.bytes().take_while(|byte| *byte != b'=').filter_map(digit).collect();
    if digits.len() % 4 == 1 {
        // Six bits are no byte.
        digits.pop();
    }
    UNPADDED.decode(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pair is what Node.js 20 makes of it.
    #[test]
    fn base64_is_read_as_by_node() {
        let cases: [(&str, &[u8]); 20] = [
            ("", &[]),
            ("AQI=", &[1, 2]),
            ("AQID\n", &[1, 2, 3]),
            ("AQ\r\nID", &[1, 2, 3]),
            (" AQ\tI D ", &[1, 2, 3]),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+_-/", &[0xfb, 0xff, 0xbf]),
            ("AQ", &[1]),
            ("AQI", &[1, 2]),
            ("AQ=", &[1]),
            ("AQ====", &[1]),
            ("AQ=\n=", &[1]),
            ("AQ==AQ==", &[1]),
            ("AR==", &[1]),
            ("A", &[]),
            ("AQIDA", &[1, 2, 3]),
            ("=", &[]),
            ("AQ%ID", &[1, 2, 3]),
            ("AQéID", &[1, 2, 3]),
            ("%%%%", &[]),
        ];
        for (text, bytes) in cases {
            assert_eq!(decode_binary(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn what_is_joined_splits_again() {
        let frames: VecDeque<_> = [Frame::text(&[b"4", b"hello"]), Frame::binary(&[1, 2, 3, 4]), Frame::text(&[b"2"])].into();
        let body = String::from_utf8(join(&frames)).unwrap();
        assert_eq!(body, "4hello\u{1e}bAQIDBA==\u{1e}2");
        assert_eq!(split(&body).collect::<Vec<_>>(), ["4hello", "bAQIDBA==", "2"]);
        assert!(frames.iter().map(encoded_length).sum::<usize>() >= body.len());
        assert_eq!(split("").collect::<Vec<_>>(), [""]);
        assert_eq!(split("4a\u{1e}").collect::<Vec<_>>(), ["4a", ""]);
    }
}
