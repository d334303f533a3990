//! What a guest may write, checked when it is recorded: names, rooms, payloads.

use super::bindings::v0_1::types;
use crate::json::{self, Payload};

/// Names that Socket.IO keeps for itself.
const RESERVED: [&str; 6] = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
const ROOM_BYTES_MAX: usize = 1024;
const EVENT_BYTES_MAX: usize = 1024;

/// Whether Socket.IO keeps this name of an event for itself.
pub(crate) fn is_reserved(event: &str) -> bool {
    RESERVED.contains(&event)
}

/// A refusal, as the guest sees it.
pub(crate) fn refusal(code: &str, message: impl Into<String>) -> types::Failure {
    types::Failure { code: code.into(), message: message.into(), data: None }
}

/// Checks the name of an event that a guest emits.
pub(crate) fn event_name(name: &str) -> Result<(), types::Failure> {
    if is_reserved(name) {
        return Err(refusal("invalid", format!("{name:?} is a reserved event name")));
    }
    if name.len() > EVENT_BYTES_MAX {
        return Err(refusal("limit", format!("an event's name has at most {EVENT_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// Checks the arguments of an emit or an ack.
pub(crate) fn payload(payload: types::PayloadResult, attachments_max: usize) -> Result<Payload, types::Failure> {
    let types::PayloadResult { args, attachments } = payload;
    if attachments.len() > attachments_max {
        return Err(refusal("limit", format!("a packet has at most {attachments_max} attachments")));
    }
    let payload = Payload { args, attachments };
    payload.validate().map_err(|fault| refusal("invalid", format!("args: {fault}")))
}

/// Checks names of rooms.
pub(crate) fn rooms(rooms: Vec<String>) -> Result<Vec<Box<str>>, types::Failure> {
    match rooms.iter().find(|room| room.len() > ROOM_BYTES_MAX) {
        Some(_) => Err(refusal("limit", format!("a room's name has at most {ROOM_BYTES_MAX} bytes"))),
        None => Ok(rooms.into_iter().map(String::into_boxed_str).collect()),
    }
}

/// Checks one JSON value.
pub(crate) fn value(what: &str, text: &str) -> Result<(), types::Failure> {
    json::value(text).map_err(|fault| refusal("invalid", format!("{what}: {fault}")))
}
