//! The body of a polling request or response: packets, with a record separator between them; binary ones as base64.

use std::collections::VecDeque;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::frame::Frame;

const SEPARATOR: u8 = 0x1e;

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

/// Appends one text packet to a body.
pub(super) fn append(body: &mut Vec<u8>, packet: &[u8]) {
    if !body.is_empty() {
        body.push(SEPARATOR);
    }
    body.extend_from_slice(packet);
}

/// The bytes of a binary packet; `text` is without the leading `b`.
pub(super) fn decode_binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_binary_is_refused() {
        assert!(decode_binary("%%%%").is_none());
        assert!(decode_binary("AQ").is_none());
        assert_eq!(decode_binary("AQI=").unwrap(), [1, 2]);
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
