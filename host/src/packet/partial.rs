//! A packet whose binary messages have not all arrived.

use super::decode::{ClientPacket, PacketType};

/// The head and body of a packet with attachments, and the attachments that have arrived.
pub(crate) struct PartialPacket {
    packet_type: PacketType,
    namespace: String,
    ack: Option<u64>,
    body: String,
    attachments: Vec<Vec<u8>>,
    missing: usize,
}

impl PartialPacket {
    pub(crate) fn new(packet: &ClientPacket<'_>) -> Self {
        Self {
            packet_type: packet.packet_type,
            namespace: packet.namespace.to_owned(),
            ack: packet.ack,
            body: packet.body.to_owned(),
            attachments: Vec::new(),
            missing: packet.attachments,
        }
    }

    /// Adds the next binary message. Returns whether it was the last one.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> bool {
        self.attachments.push(bytes.to_owned());
        self.missing = self.missing.saturating_sub(1);
        self.missing == 0
    }

    /// Takes the attachments out of the packet.
    pub(crate) fn take_attachments(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.attachments)
    }

    /// The packet without its attachments.
    pub(crate) fn packet(&self) -> ClientPacket<'_> {
        ClientPacket {
            packet_type: self.packet_type,
            namespace: &self.namespace,
            ack: self.ack,
            body: &self.body,
            attachments: 0,
        }
    }

    /// Bytes that it holds.
    pub(crate) fn len(&self) -> usize {
        self.body.len() + self.attachments.iter().map(Vec::len).sum::<usize>()
    }
}
