//! Packets of clients, as `socket.io-parser` reads them: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
//!
//! Nothing is decoded here but the head; the JSON behind it goes through the gate when it is known how many attachments came.

use innkeeper_contract::limits::ACK_ID_MAX;

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) packet_type: PacketType,
    pub(super) namespace: &'a str,
    pub(super) ack: Option<u64>,
    /// JSON, or nothing.
    pub(super) body: &'a str,
    /// Binary messages that follow.
    pub(super) attachments: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketType {
    Connect,
    Disconnect,
    Event,
    Ack,
}

/// Not a packet, or not one that a client may send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads the head of a packet.
pub(super) fn parse(text: &str, attachments_max: usize) -> Result<Packet<'_>, Malformed> {
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
        if attachments > attachments_max {
            return Err(Malformed);
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
    Ok(Packet { packet_type, namespace, ack, body, attachments })
}

fn number<N: std::str::FromStr>(digits: &str) -> Result<N, Malformed> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    digits.parse().map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{Malformed, Packet, PacketType, parse};

    proptest! {
        /// However a head is put together, its parts come out again.
        #[test]
        fn a_head_survives_being_read(
            namespace in "(/[a-z0-9é?=&\"\\[-]{0,8})?",
            ack in proptest::option::of(0..=super::ACK_ID_MAX),
            attachments in 0usize..=10,
            body in "(\\[\"[^0-9]{0,8})?",
        ) {
            let head = if attachments > 0 { format!("5{attachments}-") } else { "2".into() };
            let separator = if namespace.is_empty() { "" } else { "," };
            let id = ack.map(|ack| ack.to_string()).unwrap_or_default();
            let text = format!("{head}{namespace}{separator}{id}{body}");
            let namespace = if namespace.is_empty() { "/" } else { &namespace };
            prop_assert_eq!(parse(&text, 10), Ok(Packet { packet_type: PacketType::Event, namespace, ack, body: &body, attachments }));
        }

        /// No text is too odd to be refused in peace.
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9/,\\-\\[\\]\"a-cé]{0,16}") {
            let _ = parse(&text, 10);
        }
    }

    #[test]
    fn heads_are_read_as_the_official_parser_reads_them() {
        let packet =
            |packet_type, namespace, ack, body, attachments| Ok(Packet { packet_type, namespace, ack, body, attachments });
        assert_eq!(parse("0", 10), packet(PacketType::Connect, "/", None, "", 0));
        assert_eq!(parse("0/chat,{\"token\":1}", 10), packet(PacketType::Connect, "/chat", None, "{\"token\":1}", 0));
        assert_eq!(parse("0/chat", 10), packet(PacketType::Connect, "/chat", None, "", 0));
        assert_eq!(parse("1/chat,", 10), packet(PacketType::Disconnect, "/chat", None, "", 0));
        assert_eq!(parse("2[\"a\"]", 10), packet(PacketType::Event, "/", None, "[\"a\"]", 0));
        assert_eq!(parse("2/chat,12[\"a\"]", 10), packet(PacketType::Event, "/chat", Some(12), "[\"a\"]", 0));
        assert_eq!(parse("51-/chat,0[\"a\",{}]", 10), packet(PacketType::Event, "/chat", Some(0), "[\"a\",{}]", 1));
        assert_eq!(parse("3/x,7[]", 10), packet(PacketType::Ack, "/x", Some(7), "[]", 0));
        assert_eq!(parse("62-7[]", 10), packet(PacketType::Ack, "/", Some(7), "[]", 2));
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
            "511-[\"a\"]",
            "29007199254740992[\"a\"]",
            "299999999999999999999999[\"a\"]",
            "é",
        ] {
            assert_eq!(parse(text, 10), Err(Malformed), "{text}");
        }
    }
}
