//! The answer to a client whose event failed: one failure, one answer, in the shapes of the Socket.IO guide.

use std::sync::Arc;

use innkeeper_contract::codes::INTERNAL_ERROR;
use serde_json::{Map, Value};

use crate::adapter::Socket;
use crate::effect::{Flags, Write};
use crate::packet::{Message, Payload};
use crate::plugin::Failure;

/// The answer to a failed event: its ack, if the client asked for one, else the event `error`. None if the event has been
/// answered already, or if the failure is silent.
pub(super) fn answer(socket: &Arc<Socket>, ack: Option<u64>, failure: &Failure) -> Option<Write> {
    if failure.is_silent() {
        return None;
    }
    let Some(ack) = ack else { return Some(error_event(socket, failure)) };
    if !socket.awaits_ack(ack) {
        return None;
    }
    let fields = [("success", Value::Bool(false)), ("error", Value::from(&*failure.message)), ("code", code(failure))];
    Some(Write::ack(socket.clone(), ack, with_data(fields, failure)))
}

/// The event `error`.
pub(super) fn error_event(socket: &Arc<Socket>, failure: &Failure) -> Write {
    let fields = [("code", code(failure)), ("message", Value::from(&*failure.message))];
    let message = Message { name: "error".into(), payload: with_data(fields, failure) };
    Write::emit(socket.clone(), message, Flags::default())
}

fn code(failure: &Failure) -> Value {
    Value::from(if failure.code.is_empty() { INTERNAL_ERROR } else { &*failure.code })
}

/// An object of the fields and those of the failure's data that do not overwrite one of them.
fn with_data<const N: usize>(fields: [(&str, Value); N], failure: &Failure) -> Payload {
    let data = failure.data.as_deref().map(serde_json::from_str::<Map<String, Value>>);
    let mut object = data.and_then(Result::ok).unwrap_or_default();
    object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    Payload::of(&Value::Object(object))
}
