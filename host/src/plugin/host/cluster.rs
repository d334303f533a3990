//! `cluster`: events for the other nodes.

use innkeeper_contract::{Refusal, refusals};

use super::state::InstanceState;
use super::ticket::{HostAnswer, Ticket};
use crate::effect::Write;
use crate::packet::{Message, Payload};
use crate::peers::PeerRequest;
use crate::plugin::capability::Capability;
use crate::plugin::validate;

impl InstanceState {
    /// The name of this node.
    pub(crate) fn node(&self) -> String {
        self.context.plugin.services.node.to_string()
    }

    /// Emits an event to the other nodes.
    pub(crate) fn emit_to_servers(&mut self, namespace: &str, name: String, payload: Payload) -> Result<(), Refusal> {
        let message = self.server_event(name, payload)?;
        let namespace = self.namespace(namespace)?;
        self.record(Write::ServerEvent { namespace, message })
    }

    /// Asks the other nodes.
    pub(crate) fn ask_servers(
        &mut self,
        namespace: &str,
        name: String,
        payload: Payload,
        timeout_ms: Option<u32>,
    ) -> Result<u64, Refusal> {
        let message = self.server_event(name, payload)?;
        let namespace = self.namespace(namespace)?;
        self.begin_question()?;
        let ticket = Ticket::ready(HostAnswer::Payloads(Vec::new()));
        self.add_asking_peers(ticket, namespace, PeerRequest::ServerEvent(message), timeout_ms)
    }

    /// Takes what the nodes answered, and how many did not.
    pub(crate) fn take_server_answers(&mut self, ticket: u64) -> Result<(Vec<Payload>, u32), Refusal> {
        self.active()?.tickets.take_counted(ticket, |answer| match answer {
            HostAnswer::Payloads(payloads) => Ok(payloads),
            other => Err(other),
        })
    }

    fn server_event(&self, name: String, payload: Payload) -> Result<Message, Refusal> {
        self.need(Capability::Cluster)?;
        validate::server_event_name(&name)?;
        if !payload.attachments.is_empty() {
            return Err(refusals::server_event_binary());
        }
        Ok(Message { name, payload: validate::payload(payload, 0)? })
    }
}
