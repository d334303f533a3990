//! What python-socketio's managers publish: JSON, on one channel for all namespaces.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ignored::Ignored;
use super::names::RoomNames;
use crate::adapter::RoomFilter;
use crate::packet::{Message, Payload};

/// What a manager asks of all servers, for one namespace.
pub(in crate::cluster) struct PythonMessage {
    pub(in crate::cluster) namespace: String,
    pub(in crate::cluster) rooms: RoomFilter,
    pub(in crate::cluster) kind: PythonKind,
}

/// What it asks.
pub(in crate::cluster) enum PythonKind {
    Emit(Message),
    Disconnect,
    Join(Vec<Box<str>>),
    Leave(Vec<Box<str>>),
}

#[derive(Deserialize)]
struct Written<'a> {
    method: String,
    namespace: Option<String>,
    event: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    binary: bool,
    room: Option<RoomNames>,
    skip_sid: Option<RoomNames>,
    sid: Option<RoomNames>,
}

/// Reads a message. `None`: it is for others than a server, or in the way of an older manager that sends Python's own format.
pub(in crate::cluster) fn python_message(text: &[u8]) -> Result<Option<PythonMessage>, Ignored> {
    let Written { method, namespace, event, data, binary, room, skip_sid, sid } = serde_json::from_slice(text)?;
    let list = |names: Option<RoomNames>| names.unwrap_or_default().0;
    let of_socket = |sid: Option<RoomNames>| match list(sid) {
        sockets if sockets.is_empty() => Err(Ignored::Missing("sid")),
        sockets => Ok(RoomFilter { any: sockets, except: Vec::new() }),
    };
    let (rooms, kind) = match method.as_str() {
        "emit" => {
            let name = event.ok_or(Ignored::Missing("event"))?;
            let rooms = RoomFilter { any: list(room), except: list(skip_sid) };
            (rooms, PythonKind::Emit(Message { name, payload: payload(data.map_or("[]", RawValue::get), binary)? }))
        }
        "disconnect" => (of_socket(sid)?, PythonKind::Disconnect),
        "enter_room" => (of_socket(sid)?, PythonKind::Join(list(room))),
        "leave_room" => (of_socket(sid)?, PythonKind::Leave(list(room))),
        "close_room" => {
            let closed = list(room);
            (RoomFilter { any: closed.clone(), except: Vec::new() }, PythonKind::Leave(closed))
        }
        // The answer to a callback, which concerns the manager that asked.
        _ => return Ok(None),
    };
    Ok(Some(PythonMessage { namespace: namespace.unwrap_or_else(|| "/".to_owned()), rooms, kind }))
}

/// The arguments. Without binary they are the list; with it, the list is the first element, and base64 of the attachments follows.
fn payload(data: &str, binary: bool) -> Result<Payload, Ignored> {
    if !binary {
        let args = match data.trim() {
            // An event without data.
            "[null]" => "[]".to_owned(),
            list if list.starts_with('[') => list.to_owned(),
            one => format!("[{one}]"),
        };
        return Ok(Payload { args, attachments: Vec::new() });
    }
    let mut elements = serde_json::from_str::<Vec<&RawValue>>(data)?.into_iter();
    let args = elements.next().ok_or(Ignored::Missing("data"))?.get().to_owned();
    let attachments = elements.map(|element| {
        let text: String = serde_json::from_str(element.get())?;
        STANDARD.decode(text).map_err(|_| Ignored::Refused("an attachment is no base64"))
    });
    Ok(Payload { args, attachments: attachments.collect::<Result<_, Ignored>>()? })
}

#[cfg(test)]
mod tests {
    use super::{PythonKind, python_message};

    fn emit(text: &str) -> (String, Vec<String>, Vec<String>, String, Vec<Vec<u8>>) {
        let message = python_message(text.as_bytes()).unwrap().unwrap();
        let PythonKind::Emit(event) = message.kind else { unreachable!("an emit") };
        let names = |names: Vec<Box<str>>| names.iter().map(ToString::to_string).collect();
        let (any, except) = (names(message.rooms.any), names(message.rooms.except));
        (message.namespace + " " + &event.name, any, except, event.payload.args, event.payload.attachments)
    }

    #[test]
    fn emits_are_read_as_the_manager_writes_them() {
        let (name, any, except, args, _) = emit(
            r#"{"method": "emit", "event": "x", "data": [{"a": 1}], "binary": false, "namespace": "/chat", "room": "r",
                "skip_sid": ["s", "t"], "callback": null, "host_id": "f"}"#,
        );
        assert_eq!(
            (name.as_str(), any, except, args.as_str()),
            ("/chat x", vec!["r".into()], vec!["s".into(), "t".into()], r#"[{"a": 1}]"#)
        );
        let none = r#"{"method": "emit", "event": "x", "data": [null], "namespace": null, "room": null, "skip_sid": null}"#;
        assert_eq!((emit(none).0.as_str(), emit(none).3.as_str()), ("/ x", "[]"));
        let binary = r#"{"method":"emit","event":"x","data":[[{"_placeholder":true,"num":0},2],"aGk="],"binary":true}"#;
        let (_, _, _, args, attachments) = emit(binary);
        assert_eq!((args.as_str(), attachments), (r#"[{"_placeholder":true,"num":0},2]"#, vec![b"hi".to_vec()]));
    }

    #[test]
    fn what_is_no_message_of_a_manager_is_refused() {
        for wrong in ["", "{", "{}", "[]", r#"{"method": "emit"}"#, r#"{"method":"disconnect"}"#, "\u{80}\u{4}pickle"] {
            assert!(python_message(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(python_message(br#"{"method":"callback","id":1}"#).unwrap().is_none());
    }
}
