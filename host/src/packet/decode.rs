//! Decodes packets of clients as `socket.io-parser` does: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.

use std::borrow::Cow;

use innkeeper_contract::limits::ACK_ID_MAX;

use DecodeError::Malformed;

use crate::json::{self, Invalid, ValueKind};

/// A packet of a client, with its body undecoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientPacket<'a> {
    pub(crate) packet_type: PacketType,
    pub(crate) namespace: &'a str,
    pub(crate) ack: Option<u64>,
    /// JSON, or nothing; white space alone is nothing, because some clients end each packet with a line break. Validated when it
    /// is known how many attachments came.
    pub(crate) body: &'a str,
    /// How many binary messages follow.
    pub(crate) attachments: usize,
}

/// The packets that clients send; the binary ones have the type of the others, and attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketType {
    Connect,
    Disconnect,
    Event,
    Ack,
}

/// Why a text is no packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// It is none at all, or none that a client may send.
    Malformed,
    /// It announces more attachments than a packet may have.
    TooManyAttachments,
}

/// Decodes the head of a packet. A binary packet without attachments, or with more than `attachments_max`, is refused.
pub(crate) fn decode(text: &str, attachments_max: usize) -> Result<ClientPacket<'_>, DecodeError> {
    let mut chars = text.chars();
    let (packet_type, is_binary) = match chars.next().ok_or(Malformed)? {
        '0' => (PacketType::Connect, false),
        '1' => (PacketType::Disconnect, false),
        '2' => (PacketType::Event, false),
        '3' => (PacketType::Ack, false),
        '5' => (PacketType::Event, true),
        '6' => (PacketType::Ack, true),
        // 4 is CONNECT_ERROR, which only a server sends.
        _ => return Err(Malformed),
    };
    let mut rest = chars.as_str();
    let mut attachments = 0;
    if is_binary {
        let (count, after) = rest.split_once('-').ok_or(Malformed)?;
        attachments = number(count)?;
        rest = after;
        if attachments == 0 {
            return Err(Malformed);
        }
        if attachments > attachments_max {
            return Err(DecodeError::TooManyAttachments);
        }
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (id, body) = rest.split_at(digits);
    let ack = if id.is_empty() { None } else { Some(number(id)?) };
    if ack.is_some_and(|ack| ack > ACK_ID_MAX) {
        return Err(Malformed);
    }
    let body = if body.trim_ascii_start().is_empty() { "" } else { body };
    Ok(ClientPacket { packet_type, namespace, ack, body, attachments })
}

fn number<N: std::str::FromStr>(digits: &str) -> Result<N, DecodeError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    digits.parse().map_err(|_| Malformed)
}

/// Splits the body of an EVENT packet, `["name",args…]`, into the decoded name and the array of the other elements. Validates
/// it.
pub(crate) fn split_event(body: &str, attachments: usize) -> Result<(Cow<'_, str>, String), Invalid> {
    let first = json::array_with_name(body, attachments)?;
    let name = match first.kind {
        // `String(number)` of JavaScript.
        ValueKind::Number => first
            .text
            .parse()
            .map_or(Cow::Borrowed(first.text), |number: f64| Cow::Owned(ryu_js::Buffer::new().format(number).to_owned())),
        _ => json::decode_string(first.text),
    };
    let rest = body.get(first.rest_at..).unwrap_or("]");
    let mut args = String::with_capacity(rest.len() + 1);
    args.push('[');
    args.push_str(rest);
    Ok((name, args))
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::ACK_ID_MAX;
    use proptest::prelude::{prop_assert_eq, proptest};
    use serde_json::Value;

    use super::{ClientPacket, DecodeError, Malformed, PacketType, decode, split_event};

    proptest! {
        /// The name and the arguments of an event are the elements of its array.
        #[test]
        fn splitting_loses_nothing(name in ".{0,12}", args in proptest::collection::vec(".{0,8}", 0..4)) {
            let elements: Vec<Value> = std::iter::once(&name).chain(&args).map(|text| Value::from(text.as_str())).collect();
            let text = Value::from(elements).to_string();
            let (split, rest) = split_event(&text, 0).unwrap();
            prop_assert_eq!(&*split, &*name);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&rest).unwrap(), args);
        }

        /// Decoding a head gives the parts that it was made of.
        #[test]
        fn a_head_has_the_parts_that_it_was_made_of(
            namespace in "(/[a-z0-9é?=&\"\\[-]{0,8})?",
            ack in proptest::option::of(0..=ACK_ID_MAX),
            attachments in 0usize..=10,
            body in "(\\[\"[^0-9]{0,8})?",
        ) {
            let head = if attachments > 0 { format!("5{attachments}-") } else { "2".into() };
            let separator = if namespace.is_empty() { "" } else { "," };
            let id = ack.map(|ack| ack.to_string()).unwrap_or_default();
            let text = format!("{head}{namespace}{separator}{id}{body}");
            let namespace = if namespace.is_empty() { "/" } else { &namespace };
            prop_assert_eq!(decode(&text, 10), Ok(ClientPacket { packet_type: PacketType::Event, namespace, ack, body: &body, attachments }));
        }

        /// Any text is decoded or refused; none makes the decoder panic.
        #[test]
        fn any_text_is_decoded_or_refused(text in "[0-9/,\\-\\[\\]\"a-cé]{0,16}") {
            let _ = decode(&text, 10);
        }
    }

    #[test]
    fn heads_are_decoded_as_by_the_official_parser() {
        let packet =
            |packet_type, namespace, ack, body, attachments| Ok(ClientPacket { packet_type, namespace, ack, body, attachments });
        assert_eq!(decode("0", 10), packet(PacketType::Connect, "/", None, "", 0));
        assert_eq!(decode("0/chat,{\"token\":1}", 10), packet(PacketType::Connect, "/chat", None, "{\"token\":1}", 0));
        assert_eq!(decode("0/chat", 10), packet(PacketType::Connect, "/chat", None, "", 0));
        assert_eq!(decode("1/chat,", 10), packet(PacketType::Disconnect, "/chat", None, "", 0));
        assert_eq!(decode("2[\"a\"]", 10), packet(PacketType::Event, "/", None, "[\"a\"]", 0));
        assert_eq!(decode("2/chat,12[\"a\"]", 10), packet(PacketType::Event, "/chat", Some(12), "[\"a\"]", 0));
        assert_eq!(decode("51-/chat,0[\"a\",{}]", 10), packet(PacketType::Event, "/chat", Some(0), "[\"a\",{}]", 1));
        assert_eq!(decode("3/x,7[]", 10), packet(PacketType::Ack, "/x", Some(7), "[]", 0));
        assert_eq!(decode("62-7[]", 10), packet(PacketType::Ack, "/", Some(7), "[]", 2));
        assert_eq!(decode("0\r\n", 10), packet(PacketType::Connect, "/", None, "", 0));
        assert_eq!(decode("1/chat,\n", 10), packet(PacketType::Disconnect, "/chat", None, "", 0));
        let greatest = format!("3{ACK_ID_MAX}[]");
        assert_eq!(decode(&greatest, 10), packet(PacketType::Ack, "/", Some(ACK_ID_MAX), "[]", 0));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for text in [
            "",
            "7",
            "x",
            "4{}",
            "5[\"a\"]",
            "5-[\"a\"]",
            "5x-[\"a\"]",
            "50-[\"a\"]",
            "60-1[]",
            "500-[\"a\"]",
            "299999999999999999999999[\"a\"]",
            "é",
        ] {
            assert_eq!(decode(text, 10), Err(Malformed), "{text}");
        }
        assert_eq!(decode(&format!("3{}[]", ACK_ID_MAX + 1), 10), Err(Malformed));
        assert_eq!(decode("511-[\"a\"]", 10), Err(DecodeError::TooManyAttachments));
    }

    #[test]
    fn an_event_is_split_from_its_name() {
        let split = |text| split_event(text, 0).map(|(name, args)| (name.into_owned(), args));
        assert_eq!(split(r#"["hello",1,"a"]"#), Ok(("hello".into(), r#"[1,"a"]"#.into())));
        assert_eq!(split(r#"["hello"]"#), Ok(("hello".into(), "[]".into())));
        assert_eq!(split(r#"[ "say \"hi\"" , {} ]"#), Ok(("say \"hi\"".into(), "[ {} ]".into())));
        for text in ["[]", "[null]", "[{}]", "[[\"a\"]]", "{}", "[\"a\",]", "[\"a\"", "[\"a\"]x", "\"a\""] {
            assert!(split(text).is_err(), "{text} passed");
        }
    }

    /// As Node.js prints them.
    #[test]
    fn a_number_as_a_name_is_what_javascript_prints() {
        let numbers = [
            ("0", "0"),
            ("-0", "0"),
            ("-1e-400", "0"),
            ("1e3", "1000"),
            ("3.0E0", "3"),
            ("-1.50", "-1.5"),
            ("4.35", "4.35"),
            ("1e-6", "0.000001"),
            ("1e-7", "1e-7"),
            ("5e-324", "5e-324"),
            ("9007199254740993", "9007199254740992"),
            ("100000000000000000000", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("1234567890123456789012", "1.2345678901234568e+21"),
            ("1e400", "Infinity"),
            ("-1e400", "-Infinity"),
        ];
        for (text, name) in numbers {
            let body = format!("[{text},1]");
            assert_eq!(split_event(&body, 0).unwrap().0, name, "{text}");
        }
    }
}
