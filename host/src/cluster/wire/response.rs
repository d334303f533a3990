//! Responses: what one node answers to the request of another.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::ignored::Ignored;
use super::kinds::{OwnResponse, Response, ResponseKind, first_argument};
use super::{question, types};

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(rename = "requestId")]
    number: Option<String>,
    #[serde(rename = "type")]
    kind: Option<f64>,
    #[serde(rename = "clientCount")]
    client_count: Option<u32>,
    #[serde(borrow)]
    sockets: Option<&'a RawValue>,
    rooms: Option<Vec<String>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Reads a response. `attachments`: how many an ack may have.
pub(in crate::cluster) fn decode_response(bytes: &[u8], attachments: usize) -> Result<Response, Ignored> {
    if bytes.first() != Some(&b'{') {
        return question::decode_ack(bytes, attachments);
    }
    let Written { number, kind, client_count, sockets, rooms, data } = serde_json::from_slice(bytes)?;
    let number = number.ok_or(Ignored::Missing("requestId"))?;
    let text = |raw: Option<&RawValue>| raw.map(|raw| raw.get().to_owned());
    let kind = match (kind.map(|kind| kind as u64), client_count) {
        (Some(types::BROADCAST_CLIENT_COUNT), Some(clients)) => ResponseKind::ClientCount(clients),
        _ => ResponseKind::Other { sockets: text(sockets), rooms, data: text(data) },
    };
    Ok(Response { number, kind })
}

/// The response as it travels.
pub(in crate::cluster) fn encode_response(number: &str, response: &OwnResponse<'_>) -> Vec<u8> {
    let json = match response {
        OwnResponse::Done => json!({"requestId": number}),
        OwnResponse::ClientCount(clients) => {
            json!({"type": types::BROADCAST_CLIENT_COUNT, "requestId": number, "clientCount": clients})
        }
        OwnResponse::Ack(payload) => return question::encode_ack(number, payload),
        OwnResponse::Argument(payload) => {
            let data = first_argument(&payload.args).map_or_else(String::new, |argument| format!(",\"data\":{argument}"));
            let number = json!(number);
            return format!("{{\"type\":{},\"requestId\":{number}{data}}}", types::SERVER_SIDE_EMIT).into_bytes();
        }
    };
    json.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{OwnResponse, ResponseKind, decode_response, encode_response, first_argument};
    use crate::packet::Payload;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    fn payload(args: &str) -> Payload {
        Payload { args: args.to_owned(), attachments: Vec::new() }
    }

    #[test]
    fn responses_are_written_as_node_writes_them() {
        let written = |response| text(encode_response("n", &response));
        assert_eq!(written(OwnResponse::ClientCount(3)), r#"{"clientCount":3,"requestId":"n","type":8}"#);
        for (args, expected) in [("[1,2]", r#"{"type":6,"requestId":"n","data":1}"#), ("[]", r#"{"type":6,"requestId":"n"}"#)] {
            assert_eq!(text(encode_response("n", &OwnResponse::Argument(&payload(args)))), expected);
        }
    }

    #[test]
    fn responses_of_node_are_read() {
        let kind = |json: &str| decode_response(json.as_bytes(), 10).unwrap().kind;
        assert_eq!(kind(r#"{"type":8,"requestId":"n","clientCount":3}"#), ResponseKind::ClientCount(3));
        assert_eq!(kind(r#"{"requestId":"n","sockets":["a","b"]}"#).ids().unwrap(), ["a", "b"]);
        assert_eq!(kind(r#"{"requestId":"n","sockets":[{"id":"a","rooms":[]}]}"#).ids().unwrap(), ["a"]);
        assert_eq!(kind(r#"{"type":6,"requestId":"n","data":{"a":1}}"#).argument().unwrap().args, r#"[{"a":1}]"#);
        assert_eq!(kind(r#"{"type":6,"requestId":"n"}"#).argument().unwrap().args, "[]");
        for wrong in ["", "{", "{}", r#"{"requestId":7}"#, "[]", "\u{c1}"] {
            assert!(decode_response(wrong.as_bytes(), 10).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_argument_travels() {
        assert_eq!(first_argument(r#" [ {"a":[1]} , 2]"#), Some(r#"{"a":[1]}"#));
        assert_eq!((first_argument("[]"), first_argument("7")), (None, None));
    }
}
