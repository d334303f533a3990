//! What is encoded reads as the protocol says, and decodes to what was encoded.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use serde_json::{Value, json};

use super::{EncodedPacket, PacketParts, PacketType, PartialPacket, Payload, connect_error_packet, decode, split_event};

fn texts(packet: &EncodedPacket) -> Vec<String> {
    packet.frames().iter().map(|frame| String::from_utf8_lossy(frame.packet()).into_owned()).collect()
}

#[test]
fn packets_read_as_the_protocol_has_them() {
    let args = |args: &str| Payload { args: args.into(), attachments: Vec::new() };
    assert_eq!(texts(&PacketParts::event("/", "hello", &args("[]"), None).encode()), [r#"42["hello"]"#]);
    assert_eq!(texts(&PacketParts::event("/", "hello", &args(" [ ] "), None).encode()), [r#"42["hello"]"#]);
    assert_eq!(texts(&PacketParts::event("/chat", "a\"b", &args("[1,{}]"), Some(7)).encode()), [r#"42/chat,7["a\"b",1,{}]"#]);
    assert_eq!(texts(&PacketParts::ack("/chat", 3, &args("[true]")).encode()), ["43/chat,3[true]"]);
    assert_eq!(
        texts(&connect_error_packet("/", "No \"token\"", Some("{\"a\":1}"))),
        [r#"44{"message":"No \"token\"","data":{"a":1}}"#]
    );
    let binary = Payload { args: r#"[{"_placeholder":true,"num":0}]"#.into(), attachments: vec![b"abc".to_vec()] };
    assert_eq!(
        texts(&PacketParts::event("/", "up", &binary, None).encode()),
        [r#"451-["up",{"_placeholder":true,"num":0}]"#, "abc"]
    );
    assert_eq!(texts(&PacketParts::ack("/x", 1, &binary).encode())[0], r#"461-/x,1[{"_placeholder":true,"num":0}]"#);
}

/// A payload of these arguments, and behind them a placeholder for each attachment.
fn payload(texts: &[String], attachments: &[Vec<u8>]) -> Payload {
    let placeholders = (0..attachments.len()).map(|num| json!({"_placeholder": true, "num": num}));
    let args: Vec<Value> = texts.iter().map(|text| Value::from(text.as_str())).chain(placeholders).collect();
    Payload { args: Value::from(args).to_string(), attachments: attachments.to_vec() }
}

/// Decodes a packet as the protocol does with a client's: the text, then one binary message after the other. Returns the type,
/// namespace, ack id and body, and the attachments.
fn decoded(packet: &EncodedPacket) -> (PacketType, String, Option<u64>, String, Vec<Vec<u8>>) {
    let (text, attachments) = packet.frames().split_first().unwrap();
    // Behind Engine.IO's `message`.
    let text = str::from_utf8(&text.packet()[1..]).unwrap();
    let head = decode(text, attachments.len()).unwrap();
    assert_eq!(head.attachments, attachments.len());
    let mut partial = PartialPacket::new(&head);
    for (index, frame) in attachments.iter().enumerate() {
        assert!(frame.is_binary());
        assert_eq!(partial.push(frame.packet()), index + 1 == attachments.len());
    }
    let attachments = partial.take_attachments();
    let packet = partial.packet();
    (packet.packet_type, packet.namespace.to_owned(), packet.ack, packet.body.to_owned(), attachments)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Decoding an encoded event gives its name, arguments, attachments, namespace and ack id.
    #[test]
    fn an_event_survives_the_wire(
        namespace in "/[a-z0-9é?=&\\-]{0,8}",
        name in ".{0,12}",
        ack in proptest::option::of(0..1u64 << 53),
        texts in vec(".{0,8}", 0..4),
        attachments in vec(vec(any::<u8>(), 0..6), 0..4),
    ) {
        let payload = payload(&texts, &attachments);
        let packet = PacketParts::event(&namespace, &name, &payload, ack).encode();
        let (packet_type, to, id, body, received) = decoded(&packet);
        prop_assert_eq!((packet_type, &*to, id), (PacketType::Event, &*namespace, ack));
        let (split, args) = split_event(&body, received.len()).unwrap();
        prop_assert_eq!(&*split, &*name);
        prop_assert_eq!(Payload { args, attachments: received }, payload);
    }

    /// Decoding an encoded ack gives its id, arguments and attachments.
    #[test]
    fn an_ack_survives_the_wire(
        namespace in "/[a-z0-9]{0,8}",
        ack in 0..1u64 << 53,
        texts in vec(".{0,8}", 0..4),
        attachments in vec(vec(any::<u8>(), 0..6), 0..4),
    ) {
        let payload = payload(&texts, &attachments);
        let (packet_type, to, id, args, attachments) = decoded(&PacketParts::ack(&namespace, ack, &payload).encode());
        prop_assert_eq!((packet_type, &*to, id), (PacketType::Ack, &*namespace, Some(ack)));
        prop_assert_eq!(Payload { args, attachments }, payload);
    }
}
