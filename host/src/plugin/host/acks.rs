//! `acks`: answers that a handler does not return.

use super::InstanceState;
use crate::effect::{Write, ack_packet};
use crate::plugin::bindings::v0_1::acks::Host;
use crate::plugin::bindings::v0_1::types::{Failure, PayloadResult as Payload};
use crate::plugin::validate;

impl Host for InstanceState {
    fn reply(&mut self, socket: String, ack: u64, payload: Payload) -> Result<(), Failure> {
        let payload = validate::payload(payload, self.context.limits.attachments)?;
        let Some(socket) = self.find(&socket)? else { return Ok(()) };
        let packet = ack_packet(socket.namespace().name(), ack, &payload);
        self.record(Write::Ack { socket, ack, packet })
    }
}
