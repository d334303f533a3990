//! One outgoing message as it is on the wire: made once, shared by all connections that send it.
//!
//! The bytes are those of a whole websocket frame, so that a websocket sends them as they are. Polling sends the part behind the
//! frame's header.

use bytes::{BufMut, Bytes, BytesMut};

const FINAL_TEXT: u8 = 0x81;
const FINAL_BINARY: u8 = 0x82;
const FINAL_CLOSE: u8 = 0x88;
const FINAL_PONG: u8 = 0x8a;

/// An Engine.IO packet in an unmasked websocket frame. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    bytes: Bytes,
    packet_at: u8,
}

impl Frame {
    /// A text packet made of these parts, for example `[b"4", b"2[\"hello\"]"]`.
    pub(crate) fn text(parts: &[&[u8]]) -> Self {
        Self::new(FINAL_TEXT, parts)
    }

    /// A binary packet. On a websocket it has no packet type; polling sends `b` and base64.
    pub(crate) fn binary(data: &[u8]) -> Self {
        Self::new(FINAL_BINARY, &[data])
    }

    /// A websocket's pong. It is no Engine.IO packet and is never sent by polling.
    pub(crate) fn pong(data: &[u8]) -> Self {
        Self::new(FINAL_PONG, &[data])
    }

    /// A websocket's close frame with its code (RFC 6455, section 7.4).
    pub(crate) fn close(code: u16) -> Self {
        Self::new(FINAL_CLOSE, &[&code.to_be_bytes()])
    }

    /// Bytes for the wire that are no websocket frame: the head of the HTTP response, which precedes the first frame.
    pub(crate) fn raw(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), packet_at: 0 }
    }

    /// The whole websocket frame.
    pub(crate) fn websocket(&self) -> &[u8] {
        &self.bytes
    }

    /// The Engine.IO packet without the frame around it.
    pub(crate) fn packet(&self) -> &[u8] {
        self.bytes.get(usize::from(self.packet_at)..).unwrap_or_default()
    }

    /// Whether the packet is binary.
    pub(crate) fn is_binary(&self) -> bool {
        self.bytes.first() == Some(&FINAL_BINARY)
    }

    /// Bytes for which the frame counts in every bound.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn new(head: u8, parts: &[&[u8]]) -> Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = BytesMut::with_capacity(length + 10);
        bytes.put_u8(head);
        // RFC 6455, section 5.2: 7 bits of length, or 16, or 64.
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => bytes.put_u8(short),
            (_, Ok(medium)) => {
                bytes.put_u8(126);
                bytes.put_u16(medium);
            }
            _ => {
                bytes.put_u8(127);
                bytes.put_u64(length as u64);
            }
        }
        let packet_at = if bytes.len() < 4 {
            2
        } else if bytes.len() < 10 {
            4
        } else {
            10
        };
        for part in parts {
            bytes.put_slice(part);
        }
        Self { bytes: bytes.freeze(), packet_at }
    }
}

#[cfg(test)]
mod tests {
    use super::Frame;

    #[test]
    fn the_packet_stands_behind_a_header_of_each_size() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let data = vec![b'x'; length];
            let frame = Frame::text(&[&data]);
            assert_eq!(frame.packet(), data, "{length}");
            assert_eq!(frame.len(), header + length, "{length}");
            assert!(!frame.is_binary());
        }
        assert!(Frame::binary(b"\x00").is_binary());
    }
}
