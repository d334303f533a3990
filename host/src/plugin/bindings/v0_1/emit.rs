//! The interface `emit`.

use super::generated::innkeeper::plugin::emit::{Answers, Host, Response};
use super::generated::innkeeper::plugin::types::{Failure, PayloadResult as Payload, Target};
use crate::adapter::SocketId;
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn to_socket(&mut self, socket: String, name: String, payload: Payload, flags: Vec<String>) -> Result<(), Failure> {
        self.emit_to_socket(&socket, name, payload.into(), &flags).map_err(|refusal| self.refused(refusal))
    }

    fn to_rooms(&mut self, target: Target, name: String, payload: Payload) -> Result<(), Failure> {
        self.emit_to_rooms(target.into(), name, payload.into()).map_err(|refusal| self.refused(refusal))
    }

    fn ask_socket(&mut self, socket: String, name: String, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Self::ask_socket(self, &socket, name, payload.into(), timeout_ms).map_err(|refusal| self.refused(refusal))
    }

    fn ask_rooms(&mut self, target: Target, name: String, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Self::ask_rooms(self, target.into(), name, payload.into(), timeout_ms).map_err(|refusal| self.refused(refusal))
    }

    fn responses(&mut self, ticket: u64) -> Result<Answers, Failure> {
        let answers = self.take_client_answers(ticket).map_err(|refusal| self.refused(refusal))?;
        let responses = answers.responses.into_iter();
        let ids = |ids: Vec<SocketId>| ids.iter().map(ToString::to_string).collect();
        Ok(Answers {
            responses: responses
                .map(|(id, payload)| Response { socket: id.map(|id| id.to_string()), payload: payload.into() })
                .collect(),
            missing: ids(answers.missing),
            timed_out: ids(answers.timed_out),
            unanswered: answers.unanswered,
            nodes_missing: answers.nodes_missing,
        })
    }
}
