//! Failures of calls, and what a client gets of them.

use super::host_state::HostState;
use super::ids::SocketIndex;
use super::write::Write;
use crate::bindings::innkeeper::plugin::types;
use crate::payload::Payload;
use innkeeper_contract::{codes, events, refusals};
use serde_json::{Map, Value};

/// The part of a failure that a client may see.
pub(super) struct Failure {
    code: String,
    pub(super) message: String,
    /// JSON.
    pub(super) data: Option<String>,
}

impl Failure {
    /// A failure whose cause is for the log alone.
    pub(super) fn neutral() -> Self {
        Self { code: codes::INTERNAL_ERROR.to_owned(), message: refusals::INTERNAL_ERROR.to_owned(), data: None }
    }

    /// Whether the failure is silent: the client gets no answer.
    pub(super) fn is_silent(&self) -> bool {
        self.code == codes::SILENT
    }

    /// The answer to a failed event: its ack, if the client asked for one, else the event `error`. None if it was answered already, or
    /// if the failure is silent.
    pub(super) fn answer(&self, state: &HostState, socket: SocketIndex, ack: Option<u64>) -> Option<Write> {
        if self.is_silent() {
            return None;
        }
        let Some(ack) = ack else { return Some(self.error_event(socket)) };
        if !state.sockets[socket].open_acks.contains(&ack) {
            return None;
        }
        let fields = [("success", Value::Bool(false)), ("error", Value::from(&*self.message)), ("code", self.code())];
        Some(Write::Ack { socket, ack, payload: self.payload(fields) })
    }

    /// The event `error`.
    pub(super) fn error_event(&self, socket: SocketIndex) -> Write {
        let fields = [("code", self.code()), ("message", Value::from(&*self.message))];
        Write::Emit { socket, name: events::ERROR.to_owned(), payload: self.payload(fields) }
    }

    fn code(&self) -> Value {
        Value::from(if self.code.is_empty() { codes::INTERNAL_ERROR } else { &*self.code })
    }

    /// The fields, and beside them those of the failure's data that do not overwrite one.
    fn payload<const N: usize>(&self, fields: [(&str, Value); N]) -> Payload {
        let data = self.data.as_deref().map(serde_json::from_str::<Map<String, Value>>);
        let mut object = data.and_then(Result::ok).unwrap_or_default();
        object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        Payload { args: format!("[{}]", Value::Object(object)), attachments: Vec::new() }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        Self { code: failure.code, message: failure.message, data: failure.data }
    }
}
