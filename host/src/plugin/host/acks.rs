//! `acks`: answers that a handler does not return.

use innkeeper_contract::Refusal;

use super::state::InstanceState;
use crate::effect::{Write, ack_packet};
use crate::json::Payload;
use crate::plugin::validate;

impl InstanceState {
    /// Answers an event of the client.
    pub(crate) fn reply(&mut self, socket: &str, ack: u64, payload: Payload) -> Result<(), Refusal> {
        let payload = validate::payload(payload, self.context.plugin.call_limits.attachments)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        let packet = ack_packet(socket.namespace().name(), ack, &payload);
        self.record(Write::Ack { socket, ack, packet })
    }
}
