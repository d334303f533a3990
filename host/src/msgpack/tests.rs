//! Both ways: what notepack writes, and what comes back.

use innkeeper_contract::limits::JSON_DEPTH_MAX;
use proptest::prelude::{prop_assert_eq, proptest};
use serde_json::Value;

use super::{DecodeError, Reader, Writer};
use crate::json;
use crate::packet::Payload;

fn encode(text: &str, attachments: &[&[u8]]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.json(text, &attachments.iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>());
    writer.finish()
}

fn decode(bytes: &[u8]) -> Result<(String, Vec<Vec<u8>>), DecodeError> {
    let (mut text, mut attachments) = (String::new(), Vec::new());
    let mut reader = Reader::new(bytes, 10);
    reader.json(&mut text, &mut attachments)?;
    reader.end()?;
    Ok((text, attachments))
}

fn text_of(bytes: &[u8]) -> String {
    decode(bytes).unwrap().0
}

#[test]
fn values_are_written_as_notepack_writes_them() {
    for (json, expected) in [
        ("null", &[0xc0][..]),
        ("[true, false]", &[0x92, 0xc3, 0xc2]),
        ("-0", &[0x00]),
        ("127", &[0x7f]),
        ("128", &[0xcc, 0x80]),
        ("65535", &[0xcd, 0xff, 0xff]),
        ("4294967295", &[0xce, 0xff, 0xff, 0xff, 0xff]),
        ("4294967296", &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
        ("-1", &[0xff]),
        ("-32", &[0xe0]),
        ("-33", &[0xd0, 0xdf]),
        ("-129", &[0xd1, 0xff, 0x7f]),
        ("-32769", &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
        ("-2147483649", &[0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),
        ("1.0", &[0x01]),
        ("1e3", &[0xcd, 0x03, 0xe8]),
        ("0.5", &[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]),
        ("1e400", &[0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0]),
        (r#""\u00e9\n""#, &[0xa3, 0xc3, 0xa9, b'\n']),
        (r#" { "a" : [ ] , "b" : {} } "#, &[0x82, 0xa1, b'a', 0x90, 0xa1, b'b', 0x80]),
        (
            r#"{"_placeholder":true,"num":0}"#,
            &[
                0x82, 0xac, b'_', b'p', b'l', b'a', b'c', b'e', b'h', b'o', b'l', b'd', b'e', b'r', 0xc3, 0xa3, b'n', b'u', b'm',
                0x00,
            ],
        ),
    ] {
        assert_eq!(encode(json, &[]), expected, "{json}");
    }
    assert_eq!(encode(&format!("[{}0]", "0,".repeat(15)), &[])[..3], [0xdc, 0, 16]);
    assert_eq!(encode(&format!("\"{}\"", "x".repeat(32)), &[])[..2], [0xd9, 32]);
}

#[test]
fn an_event_is_its_name_and_its_arguments() {
    let mut writer = Writer::default();
    let args = r#"[{"_placeholder":true,"num":1},[7,{"num":0,"more":[{}],"_placeholder":true}]]"#;
    writer.event("x", &Payload { args: args.to_owned(), attachments: vec![b"a".to_vec(), b"b".to_vec()] });
    assert_eq!(writer.finish(), [0x93, 0xa1, b'x', 0xc4, 1, b'b', 0x92, 7, 0xc4, 1, b'a']);
    let mut writer = Writer::default();
    writer.event("x", &Payload { args: "[]".to_owned(), attachments: Vec::new() });
    assert_eq!(writer.finish(), [0x91, 0xa1, b'x']);
}

#[test]
fn binary_is_an_attachment_with_a_placeholder() {
    let (text, attachments) = decode(&[0x93, 0xc4, 2, 1, 2, 0xc7, 1, 0, 3, 0xd4, 5, 9]).unwrap();
    assert_eq!(text, r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},[5,{"_placeholder":true,"num":2}]]"#);
    assert_eq!(attachments, [vec![1, 2], vec![3], vec![9]]);
    assert_eq!(decode(&[[0x9b].as_slice(), &[0xc4, 0].repeat(11)].concat()), Err(DecodeError::Attachments));
}

#[test]
fn an_object_of_the_user_that_says_placeholder_is_plain_data_where_nobody_can_mistake_it() {
    let own = encode(r#"[{"_placeholder":true,"num":0}]"#, &[]);
    assert_eq!(decode(&own).unwrap(), (r#"[{"_placeholder":true,"num":0}]"#.to_owned(), Vec::new()));
    let beside_binary = [&[0x92][..], &own[1..], &[0xc4, 0]].concat();
    assert_eq!(decode(&beside_binary), Err(DecodeError::Ambiguous));
}

#[test]
fn what_json_does_not_have_is_written_as_javascript_writes_it() {
    assert_eq!(text_of(&[0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]), "null");
    assert_eq!(text_of(&[0x92, 0xd4, 0, 0, 0x82, 0xa1, b'a', 0xd4, 0, 0, 0xa1, b'b', 1]), r#"[null,{"b":1}]"#, "undefined");
    assert_eq!(text_of(&[0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "\"1970-01-01T00:00:00.001Z\"");
    assert_eq!(text_of(&[0xd6, 0xff, 0, 0, 0, 1]), "\"1970-01-01T00:00:01.000Z\"");
    assert_eq!(text_of(&[0xcb, 0x44, 0x4b, 0x1a, 0xe4, 0xd6, 0xe2, 0xef, 0x50]), "1e+21");
    assert_eq!(text_of(&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), "18446744073709552000");
    assert_eq!(text_of(&[0x82, 0x01, 0xc0, 0xc0, 0xc3]), r#"{"1":null,"null":true}"#);
    assert_eq!(text_of(&[0xa2, 0xc3, 0x28]), "\"\u{fffd}(\"");
}

#[test]
fn malformed_input_is_refused_whatever_it_claims() {
    for (bytes, expected) in [
        (&[][..], DecodeError::Truncated),
        (&[0xc1], DecodeError::Unknown(0xc1)),
        (&[0xdd, 0xff, 0xff, 0xff, 0xff], DecodeError::Truncated),
        (&[0xc6, 0xff, 0xff, 0xff, 0xff, 0], DecodeError::Truncated),
        (&[0xa2, b'x'], DecodeError::Truncated),
        (&[0x00, 0x00], DecodeError::Trailing),
        (&[0x81, 0x90, 0x00], DecodeError::Expected("a key")),
    ] {
        assert_eq!(decode(bytes), Err(expected), "{bytes:?}");
    }
    let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
    assert!(decode(&nested(JSON_DEPTH_MAX)).is_ok());
    assert_eq!(decode(&nested(JSON_DEPTH_MAX + 1)), Err(DecodeError::TooDeep));
    let mut reader = Reader::new(&[0xdf, 0xff, 0xff, 0xff, 0xff], 0);
    assert_eq!(reader.skip(), Err(DecodeError::Truncated));
}

proptest! {
    /// What comes back is the same value; keys that occur twice are the exception, which this alphabet hardly makes.
    #[test]
    fn valid_json_survives(text in r#"(\[|\]|\{|\}|,|:|"[a-c]{1,3}"|"\\u00e9"|[0-9]{1,3}|-1\.5e2|true|null| ){0,20}"#) {
        if json::value(&text).is_ok() {
            let back = text_of(&encode(&text, &[]));
            let (before, after): (Value, Value) = (serde_json::from_str(&text).unwrap(), serde_json::from_str(&back).unwrap());
            prop_assert_eq!(before.to_string().replace(".0", ""), after.to_string().replace(".0", ""));
        }
    }

    /// Whatever the bytes are, what comes of them is JSON.
    #[test]
    fn whatever_is_read_is_json(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        if let Ok((text, attachments)) = decode(&bytes) {
            prop_assert_eq!(json::array(&format!("[{text}]"), attachments.len()), Ok(()), "{}", text);
        }
    }

    #[test]
    fn skipping_ends_where_reading_ends(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        let (mut skipped, mut read) = (Reader::new(&bytes, 100), Reader::new(&bytes, 100));
        if read.json(&mut String::new(), &mut Vec::new()).is_ok() {
            prop_assert_eq!(skipped.skip(), Ok(()));
            prop_assert_eq!(skipped.end(), read.end());
            // Where it is not the end, the next value is the same.
            prop_assert_eq!(skipped.uint(), read.uint());
        }
    }
}
