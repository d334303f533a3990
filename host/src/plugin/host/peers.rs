//! Questions to the other nodes of the cluster, beside what this node answers itself.

use std::sync::Arc;
use std::time::Duration;

use innkeeper_contract::{Refusal, refusals};
use tokio::time::Instant;

use super::state::InstanceState;
use super::ticket::Ticket;
use crate::adapter::Namespace;
use crate::effect::{Target, Write};
use crate::peers::{PeerQuestion, PeerRequest};

impl InstanceState {
    /// Whether a question about this target goes to other nodes.
    pub(super) fn asks_peers(&self, target: &Target) -> bool {
        !target.flags.local && self.context.plugin.services.requests_timeout.is_some()
    }

    /// Adds a ticket, and with it a question to the other nodes, if there are any. The question leaves behind what was recorded before it.
    pub(super) fn add_asking_peers(
        &mut self,
        ticket: Ticket,
        namespace: Arc<Namespace>,
        request: PeerRequest,
        timeout_ms: Option<u32>,
    ) -> Result<u64, Refusal> {
        let plugin = self.context.plugin.clone();
        let Some(usual) = plugin.services.requests_timeout else { return Ok(self.active()?.tickets.add(ticket)) };
        if self.active()?.is_muted() {
            return Err(refusals::resumed());
        }
        let question = Arc::new(PeerQuestion::new(plugin.held.part()));
        let write = Write::AskPeers { namespace, request: Box::new(request), question: question.clone() };
        self.record_question(write)?;
        let active = self.active()?;
        let own = Instant::now() + timeout_ms.map_or(usual, |ms| Duration::from_millis(ms.into()));
        let ticket = ticket.with_peers(question, own.min(active.ends_at));
        Ok(active.tickets.add(ticket))
    }
}
