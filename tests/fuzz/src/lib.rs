//! What the fuzz targets run: the parts of the host that read bytes of strangers, each with the properties that must hold for any
//! bytes. A panic is a finding.
//!
//! The files of the host are compiled into this crate as they stand, and only those: a fuzzer instruments all that it is linked
//! with, and with the whole host that would be Wasmtime and its compiler.

#![allow(dead_code, unused_imports, clippy::all, reason = "of the host's files only a part is called here")]

#[path = "../../../host/src"]
mod host {
    pub(crate) mod config;
    pub(crate) mod fixed_limits;
    pub(crate) mod frame;
    pub(crate) mod json;
    pub(crate) mod msgpack;
    pub(crate) mod node;
    pub(crate) mod packet;
    pub(crate) mod text_file;
    pub(crate) mod waiting_bytes;

    pub(crate) mod engine {
        mod decoder;
        mod payload;

        use decoder::{Decoder, Flow, Message, Violation};

        /// A message that was decoded, as a value.
        #[derive(Debug, PartialEq)]
        enum Decoded {
            Text(String),
            Binary(Vec<u8>),
            Control(String),
        }

        /// What a stream of frames decodes to, read in pieces of these lengths in turn.
        fn decode(stream: &[u8], lengths: &[usize]) -> (Vec<Decoded>, Option<Violation>) {
            const LENGTH_MAX: usize = 1_000;
            let (mut decoder, mut decoded, mut rest, mut turn) = (Decoder::default(), Vec::new(), stream, 0);
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(lengths[turn % lengths.len()].clamp(1, rest.len()));
                (rest, turn) = (behind, turn + 1);
                let mut piece = piece.to_vec();
                let result = decoder.decode(&mut piece, LENGTH_MAX, &mut |message| {
                    decoded.push(match message {
                        Message::Text(text) => Decoded::Text(text.to_owned()),
                        Message::Binary(bytes) => Decoded::Binary(bytes.to_owned()),
                        control => Decoded::Control(format!("{control:?}")),
                    });
                    Flow::<()>::Next
                });
                if let Err(violation) = result {
                    return (decoded, Some(violation));
                }
            }
            for one in &decoded {
                let length = match one {
                    Decoded::Text(text) => text.len(),
                    Decoded::Binary(bytes) => bytes.len(),
                    Decoded::Control(_) => 0,
                };
                assert!(length <= LENGTH_MAX);
            }
            (decoded, None)
        }

        /// How a stream is cut into reads changes nothing. The first byte says how.
        pub fn websocket(data: &[u8]) {
            let Some((cut, stream)) = data.split_first() else { return };
            let pieces = decode(stream, &[usize::from(cut % 7) + 1, usize::from(cut / 7) + 1]);
            assert_eq!(decode(stream, &[usize::MAX]), pieces);
        }

        /// A body has as many packets as separators and one more; what is decoded of base64 encodes to the same bytes again.
        pub fn payload(data: &[u8]) {
            use base64::Engine as _;
            let body = String::from_utf8_lossy(data);
            let packets: Vec<&str> = payload::split(&body).collect();
            assert_eq!(packets.join("\u{1e}"), body);
            for binary in packets.iter().filter_map(|packet| packet.strip_prefix('b')) {
                let bytes = payload::decode_binary(binary);
                let encoded = base64::engine::general_purpose::STANDARD.encode(&bytes);
                assert_eq!(payload::decode_binary(&encoded), bytes);
                let frames = [crate::frame::Frame::binary(&bytes), crate::frame::Frame::text(&[b"4", b"2"])].into();
                assert_eq!(payload::join(&frames), format!("b{encoded}\u{1e}42").into_bytes());
            }
        }
    }

    pub(crate) mod plugin {
        mod parts;

        pub fn component(data: &[u8]) {
            let _ = parts::ComponentParts::of(data);
        }
    }
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use host::{config, fixed_limits, frame, json, msgpack, node, packet, text_file, waiting_bytes};
use serde::de::IgnoredAny;
use serde_json::Value;

pub use host::engine::{payload, websocket};
pub use host::plugin::component;

/// Whether serde_json takes a text for JSON. None beyond the depth that it allows, which is less than ours.
fn is_json(text: &str) -> Option<bool> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Some(true),
        Err(error) if error.to_string().contains("recursion limit") => None,
        Err(_) => Some(false),
    }
}

/// What a packet is decoded to, is JSON, and its event is an array without its first element.
pub fn packet(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(packet) = packet::decode(&text, 10) else { return };
    assert!(packet.attachments <= 10 && text.ends_with(packet.body));
    if let Ok((_, args)) = packet::split_event(packet.body, packet.attachments) {
        assert_ne!(is_json(&args), Some(false), "{args:?}");
        assert_ne!(is_json(packet.body), Some(false), "{:?}", packet.body);
    }
}

/// With attachments every placeholder stands for one of them, and each has one. The first byte says how many there are.
pub fn attachments(data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else { return };
    let (count, text) = (usize::from(count % 11), String::from_utf8_lossy(rest));
    if count == 0 || json::array(&text, count).is_err() {
        return;
    }
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return };
    let (mut seen, mut open) = (vec![false; count], vec![&value]);
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) if members.get("_placeholder") == Some(&Value::Bool(true)) => {
                let number = members.get("num").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
                let seen = number.and_then(|number| seen.get_mut(number));
                *seen.unwrap_or_else(|| panic!("a placeholder without attachment in {text:?}")) = true;
            }
            Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
    assert!(seen.iter().all(|seen| *seen), "an attachment without placeholder in {text:?}");
}

/// The validator agrees with serde_json, and a string is the same after it was encoded and decoded.
pub fn json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(is_json) = is_json(&text) {
        assert_eq!(json::value(&text).is_ok(), is_json, "{text:?}");
        let first = text.trim_start_matches([' ', '\t', '\n', '\r']).chars().next();
        assert_eq!(json::array(&text, 0).is_ok(), is_json && first == Some('['), "{text:?}");
        assert_eq!(json::object(&text).is_ok(), is_json && first == Some('{'), "{text:?}");
    }
    if let Err(invalid) = json::array_with_name(&text, 0) {
        assert!(!invalid.to_string().is_empty());
    }
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r']);
    if trimmed.starts_with('"') && json::value(trimmed).is_ok() {
        let decoded = json::decode_string(trimmed);
        if let Ok(expected) = serde_json::from_str::<String>(trimmed) {
            assert_eq!(decoded, expected);
        }
    }
    let mut quoted = String::new();
    json::push_string(&mut quoted, &text);
    assert_eq!(is_json(&quoted), Some(true));
    assert_eq!(json::decode_string(&quoted), text);
}

/// What other nodes send is refused or becomes JSON that clients can read; what is written is read back as the same value.
pub fn msgpack(data: &[u8]) {
    const ATTACHMENTS: usize = 10;
    let read = |bytes: &[u8]| {
        let (mut text, mut attachments) = (String::new(), Vec::new());
        let mut reader = msgpack::Reader::new(bytes, ATTACHMENTS);
        reader.json(&mut text, &mut attachments).and_then(|()| reader.end()).map(|()| (text, attachments))
    };
    let mut skipping = msgpack::Reader::new(data, ATTACHMENTS);
    let skipped = skipping.skip().and_then(|()| skipping.end());
    if let Ok((text, attachments)) = read(data) {
        assert!(skipped.is_ok());
        assert!(attachments.len() <= ATTACHMENTS);
        // One deeper than what is read is an argument's array.
        let array = format!("[{text}]");
        if json::array(&array, attachments.len()).is_ok() {
            let mut writer = msgpack::Writer::default();
            writer.json(&text, &attachments);
            let again = read(&writer.finish());
            // Attachments come back in the order of the text; a float may come back as the whole number that it is.
            assert_eq!(again.map(|(_, again)| again), Ok(attachments), "{text}");
        }
    }
    if let Ok(text) = std::str::from_utf8(data)
        && json::value(text).is_ok()
    {
        let mut writer = msgpack::Writer::default();
        writer.json(text, &[]);
        let (back, attachments) = read(&writer.finish()).expect("what was written can be read");
        assert!(attachments.is_empty() && json::value(&back).is_ok());
        let mut again = msgpack::Writer::default();
        again.json(&back, &[]);
        assert_eq!(read(&again.finish()).map(|(text, _)| text).as_deref(), Ok(&*back));
    }
}

/// Whatever a guest writes as the name and the arguments of an event is that name and those arguments for the client, and no more.
pub fn guest_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, args) = text.split_once('\n').unwrap_or(("event", &text));
    let payload = packet::Payload { args: args.to_owned(), attachments: Vec::new() };
    let Ok(payload) = payload.validate() else { return };
    assert_eq!(payload.len(), args.len());
    let encoded = packet::PacketParts::event("/zoo", name, &payload, Some(7)).encode();
    let others = [
        packet::PacketParts::ack("/", 7, &payload).encode(),
        packet::connect_error_packet("/zoo", name, Some(args)),
        packet::connect_packet("/zoo", "aaaaaaaaaaaaaaaaaaaa"),
    ];
    for frame in others.iter().flat_map(|packet| packet.frames()).chain([&packet::disconnect_packet("/zoo")]) {
        assert!(!frame.is_binary() && !frame.packet().contains(&0x1e));
    }
    // Its placeholder is one only if there is something to stand for.
    let attached = packet::Payload { args: args.to_owned(), attachments: vec![data.to_owned()] };
    if let Ok(attached) = attached.validate() {
        assert!(packet::PacketParts::event("/", name, &attached, None).encode().frames()[1].is_binary());
        assert!(packet::PacketParts::ack("/", 1, &attached).encode().frames()[0].packet().starts_with(b"461-"));
    }
    let [frame] = encoded.frames() else { panic!("{} frames", encoded.frames().len()) };
    let sent = str::from_utf8(frame.packet()).unwrap_or_else(|error| panic!("{error} in {text:?}"));
    assert!(!sent.contains('\u{1e}'), "it ends a packet of a polling body: {sent:?}");
    let decoded = packet::decode(sent.strip_prefix('4').unwrap_or_default(), 0).unwrap_or_else(|_| panic!("{sent:?}"));
    assert_eq!((decoded.namespace, decoded.ack), ("/zoo", Some(7)));
    let (decoded_name, decoded_args) = packet::split_event(decoded.body, 0).unwrap_or_else(|error| panic!("{error} in {sent:?}"));
    assert_eq!(decoded_name, name);
    let values = |text: &str| serde_json::from_str::<Vec<Value>>(text).ok();
    assert_eq!(values(&decoded_args), values(args));
}

/// The folder of the configurations, with the files and folders that they may name.
fn folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = std::env::temp_dir().join(format!("innkeeper-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("public")).expect("a folder can be made");
        for file in ["plugin.wasm", "secret.key", "key.pem", "jwks.json", "seed.json"] {
            std::fs::write(folder.join(file), "x").expect("a file can be written");
        }
        folder
    });
    &FOLDER
}

/// A configuration is read, or each of its problems has a sentence. What is shown of one that was read is read to the same one again,
/// unless something of it is secret.
///
/// Comments at the beginning are the environment (`#NAME=value`) and the flags (`#--port=80`, `#--for=12h`).
pub fn configuration(data: &[u8]) {
    let file = folder().join("innkeeper.toml");
    std::fs::write(&file, data).expect("a file can be written");
    let text = String::from_utf8_lossy(data);
    let head: BTreeMap<_, _> = text.lines().map_while(|line| line.strip_prefix('#')?.split_once('=')).collect();
    let environment = |name: &str| head.get(name).map(|&value| value.to_owned());
    let flags = config::Flags {
        host: head.get("--host").and_then(|host| config::host_of(host).ok()),
        port: head.get("--port").and_then(|port| port.parse().ok()),
    };
    if let Some(Err(problem)) = head.get("--for").map(|&time| config::duration_of(time)) {
        assert!(!problem.is_empty());
    }
    let reading = match config::Reading::of(&file, &environment, flags) {
        Ok(reading) => reading,
        Err(problems) => return assert!(!problems.to_string().is_empty()),
    };
    let (is_sound, checkable) = (reading.is_sound(), reading.checkable());
    assert_eq!(config::costs(&checkable).len(), 3 + checkable.plugins.len());
    assert!(checkable.server.event_loops() > 0 && checkable.wasm.guest_threads() > 0);
    assert!(checkable.server.cookie.attributes().contains("; SameSite="));
    assert!(checkable.store_path().starts_with(folder()) || checkable.store.path.is_some());
    // Without the file the environment says all that there is to say.
    if let Ok(built_in) = config::Resolved::built_in(checkable.plugins.clone(), &environment, flags) {
        assert_eq!(built_in.config.plugins, checkable.plugins);
    }
    // Problems that show when the configuration is used have a place in it, too: one of the file, and one that follows from another.
    let findings = || {
        let keys = text.lines().filter_map(|line| line.split_once('='));
        let found = keys.map(|(key, what)| config::Finding::new(key.trim(), what).because_of("server.port".to_owned()));
        found.chain([config::Finding::new("server.port", "it cannot be used")]).collect::<Vec<_>>()
    };
    match reading.with(if text.contains("findings") { findings() } else { Vec::new() }) {
        Ok(resolved) => {
            assert!(is_sound && resolved.config == checkable);
            assert!(config::Problems::found(findings(), &resolved.sources).count() > 0);
            is_shown_as_it_is(&file, &resolved);
        }
        Err(problems) => {
            assert!(problems.count() > 0 && !problems.to_string().is_empty());
        }
    }
}

/// What `config show` prints is a configuration, and the same one.
fn is_shown_as_it_is(file: &Path, resolved: &config::Resolved) {
    let (shown, with_sources) = (resolved.to_toml(false), resolved.to_toml(true));
    assert!(shown.lines().count() == with_sources.lines().count());
    if shown.contains("<redacted>") {
        return;
    }
    std::fs::write(file, &shown).expect("a file can be written");
    match config::Config::load(file, &|_| None, config::Flags::default()) {
        Ok(again) => assert_eq!(again, resolved.config, "{shown}"),
        Err(problems) => panic!("{problems} in\n{shown}"),
    }
}
