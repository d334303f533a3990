//! What a call asks: sockets of all nodes, clients, other nodes, the store. A question first sends what was recorded.

use super::call_host::CallHost;
use super::host_state::HostState;
use super::ids::SocketIndex;
use super::job::WaitFor;
use super::node_state::is_local;
use super::recording::Recording;
use crate::bindings::innkeeper::plugin::emit::Response;
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::Result;
use crate::host::Answers;
use crate::payload::Payload;
use innkeeper_contract::capabilities;
use innkeeper_contract::defaults::REQUESTS_TIMEOUT;
use std::time::Duration;

impl CallHost {
    /// Looks at the sockets of this node, which sends nothing; or of all nodes, which is a question. Returns how many did not answer, too.
    pub(super) fn look<T>(
        &self,
        target: &Target,
        timeout: Option<Duration>,
        look: impl FnOnce(&Recording, &HostState) -> T,
    ) -> Result<(T, u32)> {
        let nodes_missing = self.with(|call, state| {
            call.check_target(state, target)?;
            if is_local(target) {
                return Ok(0);
            }
            call.flush(state);
            Ok(state.silent_for(call.plugin.node))
        })?;
        if nodes_missing > 0 {
            self.wait_for_nodes(WaitFor::Time, timeout)?;
        }
        self.with(|call, state| Ok((look(call, state), nodes_missing)))
    }

    /// Waits for other nodes, at most as long as there is time for a question.
    pub(super) fn wait_for_nodes(&self, waits_for: WaitFor, timeout: Option<Duration>) -> Result<()> {
        let timeout = timeout.unwrap_or(REQUESTS_TIMEOUT);
        let until = self.with(|call, state| Ok(call.ends_at.min(state.now.saturating_add(timeout))))?;
        self.wait(waits_for, until)
    }

    /// Waits for the answers, and closes the question: a socket that has not answered until then has timed out.
    pub(super) fn answers(&self, question: usize, timeout: Option<Duration>) -> Result<Answers> {
        let until = self.with(|call, state| Ok(timeout.map_or(call.ends_at, |timeout| call.ends_at.min(state.now + timeout))))?;
        self.wait(WaitFor::Clients(question), until)?;
        self.with(|call, state| {
            let question = std::mem::take(&mut state.questions[question]);
            // Clients of other nodes have no ids here.
            let id = |socket: SocketIndex| {
                let socket = &state.sockets[socket];
                (socket.node == call.plugin.node).then(|| socket.id.clone())
            };
            let ids = |sockets: Vec<SocketIndex>| sockets.into_iter().filter_map(id).collect::<Vec<_>>();
            let response = |(socket, payload): (SocketIndex, Payload)| Response { socket: id(socket), payload: payload.into() };
            let silent = question.missing.len() + question.open.len();
            let (missing, timed_out) = (ids(question.missing), ids(question.open));
            let unanswered = u32::try_from(silent - missing.len() - timed_out.len()).unwrap_or(u32::MAX);
            let (responses, nodes_missing) = (question.responses.into_iter().map(response).collect(), question.nodes_missing);
            Ok(Answers { responses, missing, timed_out, unanswered, nodes_missing })
        })
    }

    /// A question to the store: done at once, and what was recorded before is sent first.
    pub(super) fn ask_store<T>(&self, bucket: &str, ask: impl FnOnce(&mut HostState) -> Result<T>) -> Result<T> {
        self.with(|call, state| {
            call.plugin.needs_part(capabilities::STORE, bucket)?;
            call.flush(state);
            ask(state)
        })
    }
}
