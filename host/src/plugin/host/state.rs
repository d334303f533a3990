//! The state of one instance, and of the call that it runs.

use std::sync::Arc;

use innkeeper_contract::{Refusal, refusals};
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::context::GenerationContext;
use super::ticket::Tickets;
use super::wasi;
use crate::effect::{Effects, Overlay, Write};
use crate::fixed_limits::{OVERLAY_WRITES_MAX, WASI_RESOURCES_MAX};
use crate::plugin::call::Call;
use crate::plugin::capability::Capability;
use crate::plugin::memory::InstanceMemory;
use crate::plugin::parts::ComponentParts;
use crate::plugin::permits::Permit;
use crate::plugin::running::Running;

/// What the host functions of one instance work on; it lives in the instance's store.
pub(crate) struct InstanceState {
    pub(crate) context: Arc<GenerationContext>,
    /// None between calls, and while `register` answers.
    pub(crate) active: Option<ActiveCall>,
    pub(in crate::plugin) memory: InstanceMemory,
    /// The running time of the call, or of `register`.
    pub(in crate::plugin) running: Arc<Running>,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// The call that runs.
pub(crate) struct ActiveCall {
    pub(crate) call: Call,
    pub(crate) recorded: Vec<Write>,
    recorded_bytes: usize,
    /// How many names of rooms sockets join by the writes that are not applied yet, those that are held back included.
    pub(super) joined_rooms: usize,
    pub(super) tickets: Tickets,
    pub(super) log_lines: usize,
    /// Recorded writes that reads had to look at.
    overlay_writes: usize,
    /// When the call fails, whatever it is doing.
    pub(super) ends_at: Instant,
    /// The right to have the instance. It goes with the call, or with an instance that is dropped.
    pub(super) permit: Permit,
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl InstanceState {
    pub(in crate::plugin) fn new(context: Arc<GenerationContext>, parts: ComponentParts, running: Arc<Running>) -> Self {
        let memory = InstanceMemory::new(context.plugin.call_limits.memory_bytes, parts, context.plugin.limit_hits.clone());
        let (wasi, table) = (wasi::empty_context(&context), resource_table());
        Self { context, active: None, memory, running, wasi, table }
    }

    /// A call begins.
    pub(in crate::plugin) fn begin(&mut self, call: Call, ends_at: Instant, running: Arc<Running>, permit: Permit) {
        self.running = running;
        self.active = Some(ActiveCall {
            joined_rooms: held_joins(&*call.effects),
            call,
            recorded: Vec::new(),
            recorded_bytes: 0,
            tickets: Tickets::default(),
            log_lines: 0,
            overlay_writes: 0,
            ends_at,
            permit,
        });
    }

    /// The running call. Outside of one, `register` for instance, nothing can be done.
    pub(super) fn active(&mut self) -> Result<&mut ActiveCall, Refusal> {
        self.active.as_mut().ok_or_else(refusals::no_call)
    }

    /// A question is asked: what was recorded is sent first.
    pub(super) fn begin_question(&mut self) -> Result<&mut ActiveCall, Refusal> {
        let active = self.active()?;
        active.tickets.check_count()?;
        active.flush();
        Ok(active)
    }

    /// Records a write, unless the call has recorded as many as it may.
    pub(super) fn record(&mut self, write: Write) -> Result<(), Refusal> {
        let limits = self.context.plugin.call_limits;
        let active = self.active()?;
        if active.recorded.len() >= limits.writes {
            return Err(refusals::writes_per_call(limits.writes));
        }
        if active.recorded_bytes + write.len() > limits.write_bytes {
            return Err(refusals::write_bytes_per_call(limits.write_bytes));
        }
        active.recorded_bytes += write.len();
        active.joined_rooms += write.joined_rooms();
        active.recorded.push(write);
        Ok(())
    }

    /// What a read of this call sees.
    pub(super) fn overlay(&mut self) -> Result<Overlay<'_>, Refusal> {
        let rooms_per_socket_max = self.context.plugin.call_limits.rooms_per_socket;
        let active = self.active()?;
        active.overlay_writes += active.recorded.len();
        if active.overlay_writes > OVERLAY_WRITES_MAX {
            return Err(Refusal::limit(
                "OVERLAY_WRITES_MAX",
                "too many reads behind too many writes of one call: flush in between",
            ));
        }
        Ok(Overlay { effects: &*active.call.effects, recorded: &active.recorded, rooms_per_socket_max })
    }

    /// Counts a refusal that the guest gets, if it is for a limit.
    pub(crate) fn count_refusal(&self, refusal: &Refusal) {
        if let Some(limit) = refusal.limit {
            self.context.plugin.limit_hits.refused(limit);
        }
    }

    /// Refuses what needs a capability that the plugin did not request. (One that was not granted is refused at load.)
    pub(super) fn need(&self, capability: Capability) -> Result<(), Refusal> {
        if self.has(capability) { Ok(()) } else { Err(refusals::not_requested(capability.name())) }
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.context.capabilities.has(capability)
    }
}

impl ActiveCall {
    /// Sends what was recorded. From here on the call cannot take it back.
    pub(super) fn flush(&mut self) {
        (self.recorded_bytes, self.overlay_writes) = (0, 0);
        self.call.effects.apply(&mut self.recorded);
        self.call.effects.release();
        self.joined_rooms = held_joins(&*self.call.effects);
    }
}

/// How many names of rooms sockets join by the writes that the dispatch holds back.
fn held_joins(effects: &dyn Effects) -> usize {
    let mut joined = 0;
    effects.held(&mut |held| joined = held.iter().map(Write::joined_rooms).sum());
    joined
}

/// The WASI resources of an instance.
fn resource_table() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(WASI_RESOURCES_MAX);
    table
}

#[cfg(test)]
mod tests {
    use super::resource_table;
    use crate::fixed_limits::WASI_RESOURCES_MAX;

    #[test]
    fn an_instance_has_so_many_wasi_resources_and_no_more() {
        let mut table = resource_table();
        let passed = (0..2 * WASI_RESOURCES_MAX).take_while(|number| table.push(*number).is_ok()).count();
        assert_eq!(passed, WASI_RESOURCES_MAX);
    }
}
