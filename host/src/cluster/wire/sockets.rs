//! Sockets as one node shows them to another: the answer to `fetchSockets`.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::list::ListResponse;
use crate::adapter::{HandshakeCopy, Socket};
use crate::json::push_string;
use crate::peers::PeerSocket;

/// Headers that prove an identity.
const SECRETS: [&str; 2] = ["cookie", "authorization"];

/// Adds a socket to the answer of this node, unless it has disconnected. `with_secrets`: with what proves an identity, as Node does.
pub(in crate::cluster) fn push_socket(answer: &mut ListResponse, socket: &Socket, with_secrets: bool) {
    let Some(rooms) = socket.namespace().lock().rooms_of(socket.id()) else { return };
    let text = answer.element();
    text.push_str("{\"id\":");
    push_string(text, socket.id().as_str());
    text.push_str(",\"handshake\":");
    push_handshake(text, socket, with_secrets);
    text.push_str(",\"rooms\":[");
    for (number, room) in rooms.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        push_string(text, room);
    }
    text.push_str("],\"data\":");
    socket.with_data(|data| push_members(text, data.iter().map(|(key, value)| (&**key, &**value))));
    text.push('}');
}

/// Members of an object, whose values are JSON already.
fn push_members<'a>(text: &mut String, members: impl Iterator<Item = (&'a str, &'a str)>) {
    text.push('{');
    for (number, (key, value)) in members.enumerate() {
        if number > 0 {
            text.push(',');
        }
        push_string(text, key);
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
}

/// `socket.handshake` as Node has it.
fn push_handshake(text: &mut String, socket: &Socket, with_secrets: bool) {
    let handshake = socket.handshake();
    let request = &handshake.request;
    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in request.headers().filter(|(name, _)| with_secrets || !SECRETS.contains(name)) {
        // As Node joins headers of one name.
        let separator = if name == "cookie" { "; " } else { ", " };
        headers.entry(name).and_modify(|before| before.extend([separator, value])).or_insert_with(|| value.to_owned());
    }
    let mut query: Map<String, Value> = Map::new();
    for (name, value) in request.query() {
        let value = Value::from(value);
        match query.get_mut(&*name) {
            Some(Value::Array(values)) => values.push(value),
            Some(before) => *before = Value::Array(vec![before.take(), value]),
            None => drop(query.insert(name.into_owned(), value)),
        }
    }
    let xdomain = headers.contains_key("origin");
    let headers: Map<String, Value> = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let auth = handshake.auth.as_deref().filter(|_| with_secrets).unwrap_or("{}");
    text.push_str("{\"headers\":");
    text.push_str(&Value::Object(headers).to_string());
    text.push_str(",\"time\":");
    push_string(text, &time(handshake.issued_ms));
    text.push_str(",\"address\":");
    push_string(text, &request.address.to_string());
    text.push_str(&format!(",\"xdomain\":{xdomain},\"secure\":{},\"issued\":{},\"url\":", request.secure, handshake.issued_ms));
    push_string(text, &request.url);
    text.push_str(",\"query\":");
    text.push_str(&Value::Object(query).to_string());
    text.push_str(",\"auth\":");
    text.push_str(auth);
    text.push('}');
}

/// A time as JavaScript's `new Date() + ""` writes it, in UTC.
fn time(ms: u64) -> String {
    let http = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms));
    match http.split([' ', ',']).filter(|part| !part.is_empty()).collect::<Vec<_>>().as_slice() {
        [weekday, day, month, year, time, ..] => {
            format!("{weekday} {month} {day} {year} {time} GMT+0000 (Coordinated Universal Time)")
        }
        _ => http,
    }
}

/// A socket in an answer, of which only the id is wanted.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum SocketId {
    Text(String),
    Whole { id: String },
}

impl SocketId {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(id) | Self::Whole { id } => id,
        }
    }
}

#[derive(Deserialize)]
struct WrittenSocket<'a> {
    id: String,
    #[serde(default)]
    rooms: Vec<Value>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    handshake: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WrittenHandshake<'a> {
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    query: Map<String, Value>,
    #[serde(borrow)]
    auth: Option<&'a RawValue>,
    address: Option<String>,
    url: Option<String>,
    issued: Option<f64>,
    secure: Option<bool>,
    xdomain: Option<bool>,
}

/// Reads the sockets of another node.
pub(super) fn decode(sockets: &str) -> Option<Vec<PeerSocket>> {
    let written: Vec<WrittenSocket<'_>> = serde_json::from_str(sockets).ok()?;
    Some(written.into_iter().map(socket).collect())
}

fn socket(written: WrittenSocket<'_>) -> PeerSocket {
    let is_object = |raw: &&RawValue| raw.get().starts_with('{');
    let data = written.data.filter(is_object).map_or("{}", RawValue::get).to_owned();
    // A handshake that cannot be read is an empty one: what middleware puts there is not ours.
    let handshake = written.handshake.and_then(|raw| serde_json::from_str(raw.get()).ok()).map(handshake).unwrap_or_default();
    PeerSocket { id: written.id, rooms: written.rooms.iter().filter_map(text).collect(), data, handshake }
}

fn handshake(written: WrittenHandshake<'_>) -> HandshakeCopy {
    let is_object = |raw: &&RawValue| raw.get().starts_with('{');
    HandshakeCopy {
        headers: pairs(&written.headers),
        query: pairs(&written.query),
        auth: written.auth.filter(is_object).map(|raw| raw.get().to_owned()),
        address: written.address.unwrap_or_default(),
        url: written.url.unwrap_or_default(),
        issued_ms: written.issued.map_or(0, |ms| ms as u64),
        secure: written.secure.unwrap_or_default(),
        xdomain: written.xdomain.unwrap_or_default(),
    }
}

/// Names and values; a value that is a list stands there once for each of its elements.
fn pairs(members: &Map<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in members {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        pairs.extend(values.iter().filter_map(text).map(|value| (name.clone(), value)));
    }
    pairs
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, time};

    #[test]
    fn a_time_is_written_as_javascript_does() {
        assert_eq!(time(1_700_000_000_000), "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)");
    }

    #[test]
    fn sockets_of_node_are_read_whatever_their_data_is() {
        let sockets = decode(
            r#"[{"id":"a","handshake":{"headers":{"host":"h","x":["1","2"]},"time":"…","address":"::1","xdomain":true,"secure":false,
                "issued":1700000000000,"url":"/socket.io/?EIO=4","query":{"EIO":"4","n":["1","2"]},"auth":{"t":1}},
                "rooms":["a",7],"data":{"k":[1]}},{"id":"b","data":null,"rooms":[],"handshake":{"headers":7}}]"#,
        );
        let sockets = sockets.unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!((sockets[0].rooms.join(" ").as_str(), sockets[0].data.as_str()), ("a 7", r#"{"k":[1]}"#));
        let handshake = &sockets[0].handshake;
        assert_eq!(handshake.headers, [pair("host", "h"), pair("x", "1"), pair("x", "2")]);
        assert_eq!(handshake.query, [pair("EIO", "4"), pair("n", "1"), pair("n", "2")]);
        assert_eq!(
            (handshake.auth.as_deref(), handshake.issued_ms, handshake.xdomain),
            (Some(r#"{"t":1}"#), 1_700_000_000_000, true)
        );
        assert_eq!((sockets[1].data.as_str(), sockets[1].handshake.headers.len()), ("{}", 0));
        assert!(decode("{}").is_none() && decode(r#"[{"rooms":[]}]"#).is_none());
    }
}
