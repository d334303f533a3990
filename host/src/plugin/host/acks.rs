//! `acks`: answers that a handler does not return.

use innkeeper_contract::Refusal;

use super::state::InstanceState;
use crate::effect::Write;
use crate::packet::Payload;
use crate::plugin::validate;

impl InstanceState {
    /// Answers an event of the client.
    pub(crate) fn reply(&mut self, socket: &str, ack: u64, payload: Payload) -> Result<(), Refusal> {
        let payload = validate::payload(payload, self.context.call_limits.attachments)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        self.record(Write::ack(socket, ack, payload))
    }
}
