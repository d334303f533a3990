//! What a call has recorded, and which sockets it may name.

use super::checks;
use super::host_state::HostState;
use super::ids::SocketIndex;
use super::loaded_plugin::LoadedPlugin;
use super::write::Write;
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::{Error, Result};
use crate::payload::Payload;
use innkeeper_contract::{capabilities, defaults, flags, refusals};
use std::sync::Arc;
use std::time::Duration;

/// A call that runs.
pub(super) struct Recording {
    pub(super) plugin: Arc<LoadedPlugin>,
    pub(super) socket: Option<SocketIndex>,
    /// The name of the event that it is about.
    pub(super) event: Option<String>,
    /// The socket whose connect chain it belongs to.
    pub(super) connecting: Option<SocketIndex>,
    /// When the call fails.
    pub(super) ends_at: Duration,
    pub(super) writes: Vec<Write>,
    write_bytes: usize,
    pub(super) log_lines: usize,
}

impl Recording {
    pub(super) fn new(
        plugin: Arc<LoadedPlugin>,
        socket: Option<SocketIndex>,
        connecting: Option<SocketIndex>,
        ends_at: Duration,
    ) -> Self {
        Self { plugin, socket, event: None, connecting, ends_at, writes: Vec::new(), write_bytes: 0, log_lines: 0 }
    }

    /// Records a write, unless the call has recorded as many as it may.
    pub(super) fn record(&mut self, write: Write) -> Result<()> {
        if self.writes.len() >= defaults::WRITES_PER_CALL_MAX {
            return Err(Error::refused(refusals::writes_per_call(defaults::WRITES_PER_CALL_MAX)));
        }
        let bytes = self.write_bytes + write.cost();
        if bytes > defaults::WRITE_BYTES_PER_CALL_MAX {
            return Err(Error::refused(refusals::write_bytes_per_call(defaults::WRITE_BYTES_PER_CALL_MAX)));
        }
        self.write_bytes = bytes;
        self.writes.push(write);
        Ok(())
    }

    /// Sends what was recorded. The call cannot take it back.
    pub(super) fn flush(&mut self, state: &mut HostState) {
        self.write_bytes = 0;
        state.send(self.plugin.node, self.connecting, std::mem::take(&mut self.writes));
        if let Some(socket) = self.connecting {
            state.admit(socket);
        }
    }

    /// The socket of this id, if it is there. Refused if the plugin may not name it.
    pub(super) fn find(&self, state: &HostState, id: &str) -> Result<Option<SocketIndex>> {
        if let Some(own) = self.socket.filter(|own| state.sockets[*own].id == id) {
            return Ok(Some(own));
        }
        let Some(found) = state.find(self.plugin.node, id) else { return Ok(None) };
        self.plugin.may_touch(&state.sockets[found].namespace)?;
        Ok(Some(found))
    }

    /// The same for reads, which need the socket to be there.
    pub(super) fn socket(&self, state: &HostState, id: &str) -> Result<SocketIndex> {
        self.find(state, id)?.ok_or_else(|| Error::refused(refusals::no_socket(id)))
    }

    /// Checks which sockets a call names.
    pub(super) fn check_target(&self, state: &HostState, target: &Target) -> Result<()> {
        if is_pattern(target) {
            return Err(Error::refused(refusals::only_emits_to_patterns()));
        }
        checks::rooms(&target.rooms)?;
        checks::rooms(&target.except)?;
        self.check_namespace(state, &target.namespace)
    }

    /// The same for an emit, which may be to all namespaces that the plugin serves by a pattern.
    pub(super) fn emit_targets(&self, state: &HostState, target: &Target) -> Result<Vec<Target>> {
        if !is_pattern(target) {
            self.check_target(state, target)?;
            return Ok(vec![target.clone()]);
        }
        self.plugin.check_pattern(&target.namespace)?;
        checks::rooms(&target.rooms)?;
        checks::rooms(&target.except)?;
        let mut namespaces = state.namespaces(self.plugin.node);
        namespaces.retain(|namespace| self.plugin.serves_by(&target.namespace, namespace));
        Ok(namespaces.into_iter().map(|namespace| Target { namespace, ..target.clone() }).collect())
    }

    /// Checks an event for the other servers.
    pub(super) fn check_server_event(&self, state: &HostState, namespace: &str, name: &str, payload: &Payload) -> Result<()> {
        self.plugin.needs(capabilities::CLUSTER)?;
        checks::server_event(name, payload)?;
        self.check_namespace(state, namespace)
    }

    /// Checks that a namespace exists and that the plugin may name it.
    pub(super) fn check_namespace(&self, state: &HostState, namespace: &str) -> Result<()> {
        if self.socket.is_some_and(|own| state.sockets[own].namespace == namespace) {
            return Ok(());
        }
        self.plugin.may_touch(namespace)?;
        if state.has_namespace(self.plugin.node, namespace) {
            return Ok(());
        }
        Err(Error::refused(refusals::no_namespace(namespace)))
    }
}

fn is_pattern(target: &Target) -> bool {
    target.flags.iter().any(|flag| flag == flags::PATTERN)
}
