//! One outgoing message as it is on the wire: made once, shared by all connections that send it.
//!
//! The bytes are those of a whole websocket frame, so that a websocket sends them as they are. Polling sends the part behind the
//! frame's header.

use std::sync::{Arc, OnceLock};

use crate::waiting_bytes::{Waiting, WaitingBytes};

const FINAL_TEXT: u8 = 0x81;
const FINAL_BINARY: u8 = 0x82;
const FINAL_CLOSE: u8 = 0x88;
const FINAL_PONG: u8 = 0x8a;
/// What a frame costs beside its bytes: its two allocations and its places in the queues.
const FRAME_BYTES: usize = 96;

/// An Engine.IO packet in an unmasked websocket frame. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    shared: Arc<Shared>,
    /// The socket for which this clone waits in an outbox.
    owner: SocketShare,
    packet_at: u8,
}

#[derive(Debug)]
struct Shared {
    bytes: Vec<u8>,
    /// Set once the frame waits for a client.
    waiting: OnceLock<Waiting>,
}

/// The part of an outbox that one socket has, by a number that each outbox gives once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SocketShare(pub(crate) u32);

impl SocketShare {
    /// The part of the connection itself, for what belongs to no socket. It is never closed.
    pub(crate) const CONNECTION: Self = Self(0);
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self.shared.bytes == other.shared.bytes
    }
}

impl Eq for Frame {}

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
        Self::of_bytes(bytes, 0)
    }

    /// The whole websocket frame.
    pub(crate) fn websocket(&self) -> &[u8] {
        &self.shared.bytes
    }

    /// The Engine.IO packet without the frame around it.
    pub(crate) fn packet(&self) -> &[u8] {
        self.shared.bytes.get(usize::from(self.packet_at)..).unwrap_or_default()
    }

    /// Whether the packet is binary.
    pub(crate) fn is_binary(&self) -> bool {
        self.shared.bytes.first() == Some(&FINAL_BINARY)
    }

    /// Bytes on the wire.
    pub(crate) fn len(&self) -> usize {
        self.shared.bytes.len()
    }

    /// Bytes of memory, for which the frame counts in every bound.
    pub(crate) fn cost(&self) -> usize {
        self.len() + FRAME_BYTES
    }

    /// The same frame, as one that waits for this socket.
    pub(crate) fn of(&self, owner: SocketShare) -> Self {
        Self { owner, ..self.clone() }
    }

    pub(crate) fn owner(&self) -> SocketShare {
        self.owner
    }

    /// Counts the frame among the bytes that wait, until its last clone is dropped. However often this is called, it counts once.
    pub(crate) fn count_as_waiting(&self, count: &Arc<WaitingBytes>) {
        self.shared.waiting.get_or_init(|| count.add(self.cost()));
    }

    fn new(head: u8, parts: &[&[u8]]) -> Self {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        // RFC 6455, section 5.2: 7 bits of length, or 16, or 64.
        let packet_at: u8 = match length {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        let mut bytes = Vec::with_capacity(length + usize::from(packet_at));
        bytes.push(head);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => bytes.push(short),
            (_, Ok(medium)) => {
                bytes.push(126);
                bytes.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Self::of_bytes(bytes, packet_at)
    }

    fn of_bytes(bytes: Vec<u8>, packet_at: u8) -> Self {
        let shared = Arc::new(Shared { bytes, waiting: OnceLock::new() });
        Self { shared, owner: SocketShare::CONNECTION, packet_at }
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
