//! The interface `acks`.

use super::generated::innkeeper::plugin::acks::Host;
use super::generated::innkeeper::plugin::types::{Failure, PayloadResult as Payload};
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn reply(&mut self, socket: String, ack: u64, payload: Payload) -> Result<(), Failure> {
        Self::reply(self, &socket, ack, payload.into()).map_err(|refusal| self.refused(refusal))
    }
}
