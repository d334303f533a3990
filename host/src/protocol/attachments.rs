//! A packet whose binary messages are still to come.

use super::packet::{Packet, PacketType};

/// The packet's head, and what has arrived of the rest.
pub(super) struct PartialPacket {
    pub(super) packet_type: PacketType,
    pub(super) namespace: String,
    pub(super) ack: Option<u64>,
    pub(super) body: String,
    pub(super) attachments: Vec<Vec<u8>>,
    missing: usize,
}

impl PartialPacket {
    pub(super) fn new(packet: &Packet<'_>) -> Self {
        let (namespace, body) = (packet.namespace.to_owned(), packet.body.to_owned());
        Self {
            packet_type: packet.packet_type,
            namespace,
            ack: packet.ack,
            body,
            attachments: Vec::new(),
            missing: packet.attachments,
        }
    }

    /// Takes the next binary message. Says whether it was the last.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        self.attachments.push(bytes.to_owned());
        self.missing = self.missing.saturating_sub(1);
        self.missing == 0
    }

    /// Bytes that it holds.
    pub(super) fn len(&self) -> usize {
        self.body.len() + self.attachments.iter().map(Vec::len).sum::<usize>()
    }
}
