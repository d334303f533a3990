//! Requests: what one node wants of all others.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::ignored::Ignored;
use super::kinds::{Request, RequestKind};
use super::names::RoomNames;
use super::{question, types};
use crate::adapter::RoomFilter;
use crate::msgpack::Reader;
use crate::packet::{Message, split_event};

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(rename = "type")]
    kind: f64,
    uid: Option<String>,
    #[serde(rename = "requestId")]
    number: Option<String>,
    rooms: Option<RoomNames>,
    opts: Option<Options>,
    /// In the requests of older versions, which are about one socket.
    sid: Option<RoomNames>,
    room: Option<RoomNames>,
    close: Option<bool>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Options {
    rooms: Option<RoomNames>,
    except: Option<RoomNames>,
}

impl Options {
    fn filter(self) -> RoomFilter {
        RoomFilter { any: self.rooms.unwrap_or_default().0, except: self.except.unwrap_or_default().0 }
    }
}

/// Reads a request. `attachments`: how many an event may have.
pub(in crate::cluster) fn decode_request(bytes: &[u8], attachments: usize) -> Result<Request, Ignored> {
    if bytes.first() == Some(&b'{') {
        return of_json(serde_json::from_slice(bytes)?);
    }
    if let Some(request) = question::decode_question(bytes, attachments)? {
        return Ok(request);
    }
    // Nodes write the others as JSON; one in msgpack means the same.
    let mut text = String::new();
    Reader::new(bytes, 0).json(&mut text, &mut Vec::new())?;
    of_json(serde_json::from_str(&text)?)
}

fn of_json(written: Written<'_>) -> Result<Request, Ignored> {
    let Written { kind, uid, number, rooms, opts, sid, room, close, data } = written;
    let list = |names: Option<RoomNames>| names.unwrap_or_default().0;
    let is_old = opts.is_none() && sid.is_some();
    let filter = match (opts, sid) {
        (Some(opts), _) => Some(opts.filter()),
        (None, Some(sid)) => Some(RoomFilter { any: sid.0, except: Vec::new() }),
        (None, None) => None,
    };
    // Without a filter everybody would be meant.
    let filter = || filter.ok_or(Ignored::Missing("opts"));
    let (named, of_old) = (rooms, room);
    let changed = |named, of_old| list(if is_old { of_old } else { named });
    let kind = match kind as u64 {
        types::SOCKETS => RequestKind::Ids(RoomFilter { any: list(named), except: Vec::new() }),
        types::ALL_ROOMS => RequestKind::Rooms,
        types::REMOTE_JOIN => RequestKind::Join { rooms: filter()?, joined: changed(named, of_old) },
        types::REMOTE_LEAVE => RequestKind::Leave { rooms: filter()?, left: changed(named, of_old) },
        types::REMOTE_DISCONNECT => RequestKind::Disconnect { rooms: filter()?, close: close.unwrap_or_default() },
        types::REMOTE_FETCH => RequestKind::Sockets(filter()?),
        types::SERVER_SIDE_EMIT => {
            let data = data.ok_or(Ignored::Missing("data"))?.get();
            let (name, args) = split_event(data, 0).map_err(|_| Ignored::Refused("data is no event"))?;
            RequestKind::ServerEvent(Message {
                name: name.into_owned(),
                payload: crate::packet::Payload { args, attachments: Vec::new() },
            })
        }
        unknown => return Err(Ignored::UnknownType(unknown)),
    };
    Ok(Request { uid, number, kind })
}

/// A request of this node, as JSON. `number`: where answers are awaited.
pub(in crate::cluster) fn encode_request(uid: &str, number: Option<&str>, kind: &RequestKind) -> Vec<u8> {
    let opts = |rooms: &RoomFilter| json!({"rooms": rooms.any, "except": rooms.except});
    let mut request = match kind {
        RequestKind::Ids(rooms) if rooms.except.is_empty() => json!({"type": types::SOCKETS, "rooms": rooms.any}),
        // A request for ids alone has no `except`.
        RequestKind::Ids(rooms) | RequestKind::Sockets(rooms) => json!({"type": types::REMOTE_FETCH, "opts": opts(rooms)}),
        RequestKind::Rooms => json!({"type": types::ALL_ROOMS}),
        RequestKind::Join { rooms, joined } => json!({"type": types::REMOTE_JOIN, "opts": opts(rooms), "rooms": joined}),
        RequestKind::Leave { rooms, left } => json!({"type": types::REMOTE_LEAVE, "opts": opts(rooms), "rooms": left}),
        RequestKind::Disconnect { rooms, close } => {
            json!({"type": types::REMOTE_DISCONNECT, "opts": opts(rooms), "close": close})
        }
        RequestKind::ServerEvent(message) => return server_event(uid, number, message),
        RequestKind::Clients { message, rooms, timeout } => {
            return question::encode_question(uid, number.unwrap_or_default(), message, rooms, timeout.unwrap_or_default());
        }
    };
    request["uid"] = uid.into();
    if let Some(number) = number {
        request["requestId"] = number.into();
    }
    request.to_string().into_bytes()
}

/// Written by hand, because its arguments are text already.
fn server_event(uid: &str, number: Option<&str>, message: &Message) -> Vec<u8> {
    let number = number.map_or_else(String::new, |number| format!(",\"requestId\":{}", json!(number)));
    let rest = message.payload.args.get(1..).unwrap_or("]");
    let comma = if message.payload.args.trim_start_matches('[').trim_start().starts_with(']') { "" } else { "," };
    let (uid, name) = (json!(uid), json!(message.name));
    format!("{{\"uid\":{uid}{number},\"type\":{},\"data\":[{name}{comma}{rest}}}", types::SERVER_SIDE_EMIT).into_bytes()
}
