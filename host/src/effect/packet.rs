//! Socket.IO packets of the server, straight into frames: nothing is built in between.

use std::fmt::Write as _;

use crate::adapter::{Packet, SocketId};
use crate::frame::Frame;
use crate::json::{self, Payload};

// Engine.IO's `message` is 4; behind it stands Socket.IO's packet type.
const CONNECT: &str = "40";
const DISCONNECT: &str = "41";
const EVENT: &str = "42";
const ACK: &str = "43";
const CONNECT_ERROR: &str = "44";
const BINARY_EVENT: &str = "45";
const BINARY_ACK: &str = "46";

/// An event, with an ack id if it is a question. The payload has passed the gate.
pub(crate) fn event_packet(namespace: &str, name: &str, payload: &Payload, ack: Option<u64>) -> Packet {
    let mut head = head(if payload.attachments.is_empty() { EVENT } else { BINARY_EVENT }, namespace, payload.attachments.len());
    if let Some(ack) = ack {
        let _ = write!(head, "{ack}");
    }
    head.push('[');
    json::push_string(&mut head, name);
    let rest = inside(&payload.args);
    if !rest.is_empty() {
        head.push(',');
    }
    packet(&[head.as_bytes(), rest.as_bytes(), b"]"], payload)
}

/// The answer to a client's event.
pub(crate) fn ack_packet(namespace: &str, ack: u64, payload: &Payload) -> Packet {
    let mut head = head(if payload.attachments.is_empty() { ACK } else { BINARY_ACK }, namespace, payload.attachments.len());
    let _ = write!(head, "{ack}");
    packet(&[head.as_bytes(), payload.args.as_bytes()], payload)
}

/// Tells a client that it is in.
pub(crate) fn connect_packet(namespace: &str, id: SocketId) -> Packet {
    let head = head(CONNECT, namespace, 0);
    Packet::Text(Frame::text(&[head.as_bytes(), b"{\"sid\":\"", id.as_str().as_bytes(), b"\"}"]))
}

/// Tells a client why it is not. `data` is JSON.
pub(crate) fn connect_error(namespace: &str, message: &str, data: Option<&str>) -> Packet {
    let mut text = head(CONNECT_ERROR, namespace, 0);
    text.push_str("{\"message\":");
    json::push_string(&mut text, message);
    if let Some(data) = data {
        text.push_str(",\"data\":");
        text.push_str(data);
    }
    text.push('}');
    Packet::Text(Frame::text(&[text.as_bytes()]))
}

/// Tells a client that it is out.
pub(crate) fn disconnect_frame(namespace: &str) -> Frame {
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

fn packet(text: &[&[u8]], payload: &Payload) -> Packet {
    let text = Frame::text(text);
    if payload.attachments.is_empty() {
        return Packet::Text(text);
    }
    let attachments = payload.attachments.iter().map(|bytes| Frame::binary(bytes));
    Packet::Binary(std::iter::once(text).chain(attachments).collect())
}

/// What stands between the brackets of a checked array.
fn inside(array: &str) -> &str {
    let array = array.trim_matches([' ', '\t', '\n', '\r']);
    array.get(1..array.len().saturating_sub(1)).unwrap_or_default().trim_matches([' ', '\t', '\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::{ack_packet, connect_error, event_packet};
    use crate::adapter::Packet;
    use crate::json::Payload;

    fn texts(packet: &Packet) -> Vec<String> {
        packet.frames().iter().map(|frame| String::from_utf8_lossy(frame.packet()).into_owned()).collect()
    }

    #[test]
    fn packets_read_as_the_protocol_has_them() {
        let args = |args: &str| Payload { args: args.into(), attachments: Vec::new() };
        assert_eq!(texts(&event_packet("/", "hello", &args("[]"), None)), [r#"42["hello"]"#]);
        assert_eq!(texts(&event_packet("/", "hello", &args(" [ ] "), None)), [r#"42["hello"]"#]);
        assert_eq!(texts(&event_packet("/chat", "a\"b", &args("[1,{}]"), Some(7))), [r#"42/chat,7["a\"b",1,{}]"#]);
        assert_eq!(texts(&ack_packet("/chat", 3, &args("[true]"))), ["43/chat,3[true]"]);
        assert_eq!(
            texts(&connect_error("/", "No \"token\"", Some("{\"a\":1}"))),
            [r#"44{"message":"No \"token\"","data":{"a":1}}"#]
        );
        let binary = Payload { args: r#"[{"_placeholder":true,"num":0}]"#.into(), attachments: vec![b"abc".to_vec()] };
        assert_eq!(texts(&event_packet("/", "up", &binary, None)), [r#"451-["up",{"_placeholder":true,"num":0}]"#, "abc"]);
        assert_eq!(texts(&ack_packet("/x", 1, &binary))[0], r#"461-/x,1[{"_placeholder":true,"num":0}]"#);
    }
}
