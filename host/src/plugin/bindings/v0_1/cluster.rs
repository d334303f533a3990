//! The interface `cluster`.

use super::generated::innkeeper::plugin::cluster::{Answers, Host};
use super::generated::innkeeper::plugin::types::{Failure, PayloadResult as Payload};
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn node(&mut self) -> String {
        Self::node(self)
    }

    fn emit(&mut self, namespace: String, name: String, payload: Payload) -> Result<(), Failure> {
        self.emit_to_servers(&namespace, name, payload.into()).map_err(|refusal| self.refused(refusal))
    }

    fn ask(&mut self, namespace: String, name: String, payload: Payload, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        self.ask_servers(&namespace, name, payload.into(), timeout_ms).map_err(|refusal| self.refused(refusal))
    }

    fn responses(&mut self, ticket: u64) -> Result<Answers, Failure> {
        let (responses, nodes_missing) = self.take_server_answers(ticket).map_err(|refusal| self.refused(refusal))?;
        Ok(Answers { responses: responses.into_iter().map(Into::into).collect(), nodes_missing })
    }
}
