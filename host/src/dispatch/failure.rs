//! One failure, one answer: the shapes that the guide gives them.

use std::sync::Arc;

use innkeeper_contract::codes::INTERNAL_ERROR;
use serde_json::{Map, Value};

use crate::adapter::Socket;
use crate::effect::{Write, ack_packet, event_packet};
use crate::json::Payload;
use crate::plugin::Failure;

/// What the client is told of a failed event: its ack, if it asked for one, else the event `error`. Nothing, if somebody has
/// answered already.
pub(super) fn answer(socket: &Arc<Socket>, ack: Option<u64>, failure: &Failure) -> Option<Write> {
    let Some(ack) = ack else { return Some(error_event(socket, failure)) };
    if !socket.awaits_ack(ack) {
        return None;
    }
    let fields = [("success", Value::Bool(false)), ("error", Value::from(&*failure.message)), ("code", code(failure))];
    let packet = ack_packet(socket.namespace().name(), ack, &with_data(fields, failure));
    Some(Write::Ack { socket: socket.clone(), ack, packet })
}

/// The event `error`.
pub(super) fn error_event(socket: &Arc<Socket>, failure: &Failure) -> Write {
    let fields = [("code", code(failure)), ("message", Value::from(&*failure.message))];
    let packet = event_packet(socket.namespace().name(), "error", &with_data(fields, failure), None);
    Write::Emit { socket: socket.clone(), packet, volatile: false }
}

fn code(failure: &Failure) -> Value {
    Value::from(if failure.code.is_empty() { INTERNAL_ERROR } else { &*failure.code })
}

/// The fields, and beside them those of the failure's data that do not overwrite one.
fn with_data<const N: usize>(fields: [(&str, Value); N], failure: &Failure) -> Payload {
    let data = failure.data.as_deref().map(serde_json::from_str::<Map<String, Value>>);
    let mut object = data.and_then(Result::ok).unwrap_or_default();
    object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    Payload::of(&Value::Object(object))
}
