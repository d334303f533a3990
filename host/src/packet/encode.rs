//! Encodes packets of the server straight into frames: nothing is built in between.

use std::fmt::Write as _;

use super::encoded::EncodedPacket;
use super::payload::Payload;
use crate::frame::Frame;
use crate::json;

// Engine.IO's `message` is 4; Socket.IO's packet type follows.
const CONNECT: &str = "40";
const DISCONNECT: &str = "41";
const EVENT: &str = "42";
const ACK: &str = "43";
const CONNECT_ERROR: &str = "44";
const BINARY_EVENT: &str = "45";
const BINARY_ACK: &str = "46";

/// An event or an ack before it is frames. An encoding that adds something (an offset behind the arguments) or another one
/// (msgpack, to other nodes) begins here, because frames are never parsed back.
pub(crate) struct PacketParts<'a> {
    /// Types, number of attachments, namespace and ack id; of an event also the opening bracket and the name.
    head: String,
    /// Validated JSON: of an event the elements behind the name, of an ack the whole array.
    args: &'a str,
    /// Closes what the head opened.
    tail: &'static str,
    attachments: &'a [Vec<u8>],
}

impl<'a> PacketParts<'a> {
    /// An event. With an ack id it is a question: the client is to answer it.
    pub(crate) fn event(namespace: &str, name: &str, payload: &'a Payload, ack: Option<u64>) -> Self {
        let mut head =
            head(if payload.attachments.is_empty() { EVENT } else { BINARY_EVENT }, namespace, payload.attachments.len());
        if let Some(ack) = ack {
            let _ = write!(head, "{ack}");
        }
        head.push('[');
        json::push_string(&mut head, name);
        let args = inside(&payload.args);
        if !args.is_empty() {
            head.push(',');
        }
        Self { head, args, tail: "]", attachments: &payload.attachments }
    }

    /// The answer to a client's event.
    pub(crate) fn ack(namespace: &str, ack: u64, payload: &'a Payload) -> Self {
        let mut head = head(if payload.attachments.is_empty() { ACK } else { BINARY_ACK }, namespace, payload.attachments.len());
        let _ = write!(head, "{ack}");
        Self { head, args: &payload.args, tail: "", attachments: &payload.attachments }
    }

    /// The packet as frames.
    pub(crate) fn encode(&self) -> EncodedPacket {
        let text = Frame::text(&[self.head.as_bytes(), self.args.as_bytes(), self.tail.as_bytes()]);
        if self.attachments.is_empty() {
            return EncodedPacket::Text(text);
        }
        let attachments = self.attachments.iter().map(|bytes| Frame::binary(bytes));
        EncodedPacket::Binary(std::iter::once(text).chain(attachments).collect())
    }
}

/// CONNECT: the client is connected to the namespace, and its socket there has this id.
pub(crate) fn connect_packet(namespace: &str, socket_id: &str) -> EncodedPacket {
    let head = head(CONNECT, namespace, 0);
    EncodedPacket::Text(Frame::text(&[head.as_bytes(), b"{\"sid\":\"", socket_id.as_bytes(), b"\"}"]))
}

/// CONNECT_ERROR: the client is refused. `data` is JSON.
pub(crate) fn connect_error_packet(namespace: &str, message: &str, data: Option<&str>) -> EncodedPacket {
    let mut text = head(CONNECT_ERROR, namespace, 0);
    text.push_str("{\"message\":");
    json::push_string(&mut text, message);
    if let Some(data) = data {
        text.push_str(",\"data\":");
        text.push_str(data);
    }
    text.push('}');
    EncodedPacket::Text(Frame::text(&[text.as_bytes()]))
}

/// DISCONNECT: the client is disconnected from the namespace.
pub(crate) fn disconnect_packet(namespace: &str) -> Frame {
    Frame::text(&[head(DISCONNECT, namespace, 0).as_bytes()])
}

fn head(packet_type: &str, namespace: &str, attachments: usize) -> String {
    let mut head = String::with_capacity(64);
    head.push_str(packet_type);
    if attachments > 0 {
        let _ = write!(head, "{attachments}-");
    }
    if namespace != "/" {
        head.push_str(namespace);
        head.push(',');
    }
    head
}

/// The text between the brackets of a validated array.
fn inside(array: &str) -> &str {
    let array = array.trim_matches([' ', '\t', '\n', '\r']);
    array.get(1..array.len().saturating_sub(1)).unwrap_or_default().trim_matches([' ', '\t', '\n', '\r'])
}
