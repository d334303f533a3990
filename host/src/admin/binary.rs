//! Binary in JSON: an object `{"_base64":"…"}` in the arguments of an emit stands for bytes, and so it does in answers.
//!
//! On the wire of Socket.IO an attachment's place is held by `{"_placeholder":true,"num":0}`. Here each is put in the other's place, in
//! the text: what is around them (the order of keys, digits of numbers) stays as it is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::packet::Payload;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Binary {
    #[serde(rename = "_base64")]
    base64: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    is_placeholder: bool,
    num: usize,
}

/// The payload of arguments with binary in them. `args`: valid JSON. The error says what is no base64.
pub(super) fn payload(args: &str) -> Result<Payload, String> {
    let mut attachments = Vec::new();
    let args = replace::<Binary, String>(args, |Binary { base64 }, out| {
        let bytes = decode(&base64).ok_or_else(|| format!("args: {:?} is no base64", shortened(&base64)))?;
        out.push_str(&format!("{{\"_placeholder\":true,\"num\":{}}}", attachments.len()));
        attachments.push(bytes);
        Ok(true)
    })?;
    Ok(Payload { args, attachments })
}

/// The arguments of a payload as JSON text, with its binary in it.
pub(super) fn json(payload: &Payload) -> String {
    if payload.attachments.is_empty() {
        return payload.args.clone();
    }
    // Each once: a client may name one attachment a hundred thousand times.
    let mut left: Vec<_> = payload.attachments.iter().map(Some).collect();
    let written = replace::<Placeholder, ()>(&payload.args, |found, out| {
        let attachment = left.get_mut(found.num).filter(|_| found.is_placeholder).and_then(Option::take);
        let Some(bytes) = attachment else { return Ok(false) };
        out.extend(["{\"_base64\":\"", &STANDARD.encode(bytes), "\"}"]);
        Ok(true)
    });
    written.unwrap_or_else(|()| payload.args.clone())
}

/// Both alphabets, with padding or without: each has its programs.
fn decode(text: &str) -> Option<Vec<u8>> {
    let is_padded = text.ends_with('=');
    let is_url_safe = text.contains(['-', '_']);
    let engine = match (is_url_safe, is_padded) {
        (false, true) => &STANDARD,
        (false, false) => &STANDARD_NO_PAD,
        (true, true) => &URL_SAFE,
        (true, false) => &URL_SAFE_NO_PAD,
    };
    engine.decode(text).ok()
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(40)).unwrap_or_default()
}

/// The text with each object that is a `T`, and nothing more, replaced by what `write` writes, unless that returns false. Each object is
/// read only as far as it is like a `T`, so the work grows with the length of the text and not with its nesting.
fn replace<'a, T: Deserialize<'a>, E>(
    text: &'a str,
    mut write: impl FnMut(T, &mut String) -> Result<bool, E>,
) -> Result<String, E> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '"']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut length = if from.starts_with('"') { string_length(from) } else { 1 };
        if from.starts_with('{') {
            let mut values = serde_json::Deserializer::from_str(from).into_iter::<T>();
            if let Some(Ok(value)) = values.next()
                && write(value, &mut out)?
            {
                rest = from.get(values.byte_offset()..).unwrap_or_default();
                continue;
            }
        }
        length = length.min(from.len());
        let (copied, behind) = from.split_at(length);
        out.push_str(copied);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// Bytes of the string that the text begins with, both quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{json, payload};
    use crate::packet::Payload;

    #[test]
    fn binary_goes_out_and_comes_back_and_nothing_else_changes() {
        let args = r#"[ 1.50, {"b":{ "_base64" : "AAEC" },"a":[{"_base64":"_-8"}]}, "{\"_base64\":\"AA==\"}", {"_base64":"AA==","x":1}, {"_base64":7}, {} ]"#;
        let payload = payload(args).unwrap();
        assert_eq!(payload.attachments, [vec![0, 1, 2], vec![0xff, 0xef]]);
        let expected = r#"[ 1.50, {"b":{"_placeholder":true,"num":0},"a":[{"_placeholder":true,"num":1}]}, "{\"_base64\":\"AA==\"}", {"_base64":"AA==","x":1}, {"_base64":7}, {} ]"#;
        assert_eq!(payload.args, expected);
        let back = args.replace(r#"{ "_base64" : "AAEC" }"#, r#"{"_base64":"AAEC"}"#).replace("_-8", "/+8=");
        assert_eq!(json(&payload), back);
        assert!(payload.validate().is_ok());
    }

    #[test]
    fn what_is_no_base64_is_named() {
        for wrong in ["!", "A", "AA=", "A-/+"] {
            let error = payload(&format!(r#"[{{"_base64":"{wrong}"}}]"#)).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
        assert_eq!(payload(r#"[{"_base64":""}]"#).unwrap().attachments, [Vec::<u8>::new()]);
    }

    #[test]
    fn what_only_looks_like_a_placeholder_stays() {
        let args = r#"[{"_placeholder":false,"num":0},{"_placeholder":true,"num":9},{"num":0,"_placeholder":true}]"#.to_owned();
        let shown = json(&Payload { args, attachments: vec![b"x".to_vec()] });
        assert_eq!(shown, r#"[{"_placeholder":false,"num":0},{"_placeholder":true,"num":9},{"_base64":"eA=="}]"#);
    }

    #[test]
    fn an_attachment_is_written_once_however_often_a_client_names_it() {
        let args = format!("[{}1]", r#"{"_placeholder":true,"num":0},"#.repeat(10_000));
        let shown = json(&Payload { args: args.clone(), attachments: vec![vec![0; 1 << 20]] });
        assert!(shown.len() < args.len() + (2 << 20));
    }

    /// With the square of the nesting it would take minutes.
    #[test]
    fn deep_nesting_costs_no_more_than_its_length() {
        let deep = format!("[{}{}]", r#"{"_base64":"#.repeat(200_000), "}".repeat(200_000));
        assert!(payload(&deep).is_ok());
        let wide = format!("[{}1]", r#"{"num":1,"x":"#.repeat(200_000));
        assert_eq!(json(&Payload { args: wide.clone(), attachments: vec![vec![]] }), wide);
    }
}
