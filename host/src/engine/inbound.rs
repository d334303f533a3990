//! Engine.IO packets from the client, the same for both transports.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    decoder::{Flow, Message},
    heartbeat::Heartbeat,
    payload,
    protocol::Protocol,
    session_end::{Delivery, SessionEnd},
};
use crate::reason::DisconnectReason;

const PARSE_ERROR: SessionEnd = SessionEnd::new(DisconnectReason::ParseError, Delivery::CloseOnly(1002));

/// The parts of a session that a packet from the client may change.
pub(super) struct Inbound<'a> {
    pub(super) protocol: &'a mut dyn Protocol,
    pub(super) heartbeat: &'a mut Heartbeat,
    pub(super) ping_interval: Duration,
}

impl Inbound<'_> {
    /// Handles a websocket message. `pong` is set to the data of a websocket ping, which the client expects back.
    pub(super) fn message(&mut self, message: Message<'_>, pong: &mut Option<Vec<u8>>) -> Flow<SessionEnd> {
        let result = match message {
            Message::Text(packet) => self.packet(packet),
            Message::Binary(data) => self.protocol.binary(data).map_err(by_protocol),
            Message::Ping(data) => {
                *pong = Some(data.to_vec());
                Ok(())
            }
            Message::Close => Err(SessionEnd::new(DisconnectReason::TransportClose, Delivery::Answer(1000))),
        };
        match result {
            Ok(()) => Flow::Next,
            Err(end) => Flow::End(end),
        }
    }

    /// Handles a packet in text form.
    pub(super) fn packet(&mut self, packet: &str) -> Result<(), SessionEnd> {
        let Some(packet_type) = packet.as_bytes().first() else { return Err(PARSE_ERROR) };
        // The first byte is ASCII in every arm that uses `data`.
        let data = packet.get(1..).unwrap_or_default();
        match packet_type {
            b'4' => self.protocol.text(data).map_err(by_protocol),
            b'b' => self.protocol.binary(&payload::decode_binary(data)).map_err(by_protocol),
            b'3' => {
                self.heartbeat.pong_received(Instant::now(), self.ping_interval);
                Ok(())
            }
            b'1' => Err(SessionEnd::new(DisconnectReason::TransportClose, Delivery::LeftToClient)),
            // A PING: since version 4 only the server sends them.
            b'2' => Err(SessionEnd::new(DisconnectReason::TransportError, Delivery::CloseOnly(1002))),
            b'0' | b'5' | b'6' => Ok(()),
            _ => Err(PARSE_ERROR),
        }
    }
}

fn by_protocol(reason: DisconnectReason) -> SessionEnd {
    SessionEnd::new(reason, Delivery::Flush(1000))
}
