//! The state of one instance, and of the call that it runs.

use std::sync::Arc;

use innkeeper_contract::{Refusal, kinds, refusals};
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::context::GenerationContext;
use super::shared::SharedState;
use super::tickets::Tickets;
use super::wasi;
use crate::budget::Held;
use crate::effect::{Effects, Joins, Overlay, Write};
use crate::fixed_limits::{OVERLAY_WRITES_MAX, WASI_RESOURCES_MAX};
use crate::plugin::applying::Applying;
use crate::plugin::call::{Call, Export};
use crate::plugin::call_limits::CallLimits;
use crate::plugin::capability::Capability;
use crate::plugin::durable::Plugin;
use crate::plugin::memory::InstanceMemory;
use crate::plugin::parts::ComponentParts;
use crate::plugin::permits::Permit;
use crate::plugin::running::Running;

/// Writes of so many bytes are not counted against the plugin's budget, and those beyond in steps of as many: few calls write more.
const FREE_BYTES: usize = 16 << 10;

/// What the host functions of one instance work on; it lives in the instance's store.
pub(crate) struct InstanceState {
    pub(crate) context: Arc<GenerationContext>,
    /// None between calls, and while `register` answers.
    pub(crate) active: Option<ActiveCall>,
    /// Of an instance in `shared` mode.
    pub(in crate::plugin) shared: Option<Box<SharedState>>,
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
    /// The part of them that counts against the plugin's budget.
    held: Held,
    /// How many names of rooms sockets join by the writes that are not applied yet, those that are held back included.
    pub(super) joined_rooms: usize,
    /// How many sockets the broadcasts and the like of this call reach, those included that have left.
    deliveries: usize,
    /// Recorded joins.
    joins: Joins,
    pub(super) tickets: Tickets,
    pub(super) log_lines: usize,
    /// What a read of this call looks at: its recorded writes and the names in them.
    recorded_weight: usize,
    /// The timers that are recorded, and their bytes in the plugin's table.
    pub(super) recorded_timers: (usize, usize),
    /// What its reads have looked at.
    overlay_weight: usize,
    /// When the call fails, whatever it is doing; in `shared` mode, when a question that is asked now is answered at the latest.
    pub(super) ends_at: Instant,
    /// The right to have the instance. It goes with the call, or with an instance that is dropped. None in `shared` mode.
    pub(super) permit: Option<Permit>,
    /// It belongs to a `resumed` run: what it writes is dropped.
    is_muted: bool,
    limits: CallLimits,
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl InstanceState {
    pub(in crate::plugin) fn new(context: Arc<GenerationContext>, parts: ComponentParts, running: Arc<Running>) -> Self {
        let memory = InstanceMemory::new(context.call_limits.memory_bytes, parts, context.plugin.limit_hits.clone());
        let (wasi, table) = (wasi::empty_context(&context), resource_table());
        Self { context, active: None, shared: None, memory, running, wasi, table }
    }

    /// A call begins. That of a plugin which joins the namespace of a connected socket is muted.
    pub(in crate::plugin) fn begin(&mut self, call: Call, ends_at: Instant, running: Arc<Running>, permit: Permit) {
        let is_muted = matches!(call.export, Export::Connection { kind: kinds::RESUMED });
        self.active = Some(ActiveCall { permit: Some(permit), is_muted, ..self.new_active(call, ends_at) });
        self.running = running;
    }

    /// An entry into an instance in `shared` mode begins, for a call or for none. `muted_by`: the `resumed` run to which it belongs.
    pub(in crate::plugin) fn begin_entry(&mut self, call: Call, ends_at: Instant, running: Arc<Running>, muted_by: Option<u64>) {
        let mut active = ActiveCall { is_muted: muted_by.is_some(), ..self.new_active(call, ends_at) };
        if let Some(shared) = &mut self.shared {
            active.tickets = std::mem::take(&mut shared.tickets);
            active.tickets.mute(muted_by);
        }
        self.active = Some(active);
        self.running = running;
    }

    /// The entry has returned. What it recorded is left to be applied.
    pub(in crate::plugin) fn end_entry(&mut self) -> Option<ActiveCall> {
        let mut active = self.active.take()?;
        if let Some(shared) = &mut self.shared {
            shared.tickets = std::mem::take(&mut active.tickets);
        }
        Some(active)
    }

    fn new_active(&self, call: Call, ends_at: Instant) -> ActiveCall {
        ActiveCall {
            joined_rooms: held_joins(&*call.effects),
            call,
            recorded: Vec::new(),
            recorded_bytes: 0,
            held: self.context.plugin.held.part(),
            deliveries: 0,
            joins: Joins::default(),
            tickets: Tickets::default(),
            log_lines: 0,
            recorded_weight: 0,
            recorded_timers: (0, 0),
            overlay_weight: 0,
            ends_at,
            permit: None,
            is_muted: false,
            limits: self.context.call_limits,
        }
    }

    /// The running call. Outside of one, `register` for instance, nothing can be done.
    pub(super) fn active(&mut self) -> Result<&mut ActiveCall, Refusal> {
        self.active.as_mut().ok_or_else(refusals::no_call)
    }

    /// A question is asked: what was recorded is sent first. In `shared` mode nothing is sent before the entry ends.
    pub(super) fn begin_question(&mut self) -> Result<&mut ActiveCall, Refusal> {
        let active = self.active()?;
        active.tickets.check_count()?;
        if !active.is_shared() {
            active.flush();
        }
        Ok(active)
    }

    /// Records a question, which leaves behind what was recorded before it: at once, or, in `shared` mode, with the rest of the entry.
    pub(super) fn record_question(&mut self, write: Write) -> Result<(), Refusal> {
        let active = self.active()?;
        if active.is_shared() {
            return self.record(write);
        }
        active.recorded.push(write);
        active.flush();
        Ok(())
    }

    /// Records a write, unless the call has recorded as many as it may.
    pub(super) fn record(&mut self, write: Write) -> Result<(), Refusal> {
        let limits = self.context.call_limits;
        let active = self.active()?;
        if active.is_muted {
            return Ok(());
        }
        if active.recorded.len() >= limits.writes {
            return Err(refusals::writes_per_call(limits.writes));
        }
        let cost = write.cost();
        let beyond = (active.recorded_bytes + cost).saturating_sub(active.held.bytes() + FREE_BYTES);
        if beyond > 0 && !active.held.add(beyond.max(FREE_BYTES)) {
            return Err(refusals::plugin_bytes(active.held.most()));
        }
        if active.recorded_bytes + cost > limits.write_bytes {
            return Err(refusals::write_bytes_per_call(limits.write_bytes));
        }
        let reached = write.reach(|target| active.joins.count(&target.namespace.lock(), &target.rooms));
        if reached > 0 && active.deliveries + reached > limits.deliveries {
            return Err(refusals::deliveries_per_call(limits.deliveries));
        }
        active.deliveries += reached;
        active.joins.note(&write);
        active.recorded_bytes += cost;
        active.recorded_weight += write.weight();
        active.joined_rooms += write.joined_rooms();
        active.recorded.push(write);
        Ok(())
    }

    /// What a read of this call sees.
    pub(super) fn overlay(&mut self) -> Result<Overlay<'_>, Refusal> {
        let rooms_per_socket_max = self.context.call_limits.rooms_per_socket;
        let active = self.active()?;
        active.overlay_weight += active.recorded_weight;
        if active.overlay_weight > OVERLAY_WRITES_MAX {
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
    pub(in crate::plugin) fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// Whether it is an entry into an instance in `shared` mode.
    pub(super) fn is_shared(&self) -> bool {
        self.permit.is_none()
    }

    /// Whether it belongs to a `resumed` run.
    pub(super) fn is_muted(&self) -> bool {
        self.is_muted
    }

    /// Refuses what an export returned, if it is more than the call may still write. The error is for the log.
    pub(in crate::plugin) fn check_returned(&self, bytes: usize) -> Result<(), String> {
        let most = self.limits.write_bytes;
        if self.recorded_bytes + bytes <= most {
            return Ok(());
        }
        Err(format!("it returned {bytes} bytes, with its writes more than the {most} of one call (write_bytes_per_call_max)"))
    }

    /// Sends what was recorded. From here on the call cannot take it back.
    pub(super) fn flush(&mut self) {
        self.call.effects.apply(&mut self.recorded);
        while self.call.effects.release_some() {}
        self.flushed();
    }

    /// The same in parts, between which others have their turn.
    pub(super) async fn flush_in_turns(&mut self, running: &Running) {
        if let Some(rest) = Applying::begin(&self.call.effects, &mut self.recorded) {
            Box::pin(rest.run(running)).await;
        }
        while self.call.effects.release_some() {
            running.next_turn().await;
        }
        self.flushed();
    }

    /// What was recorded counts for as long as it has not taken effect, also where that is after the call.
    pub(in crate::plugin) fn pass_budget_on(&mut self) {
        if self.held.bytes() > 0 {
            self.call.effects.hold(self.held.take());
        }
    }

    /// The ack of a call that has ended. It counts for the call, and so a `resumed` run drops none.
    pub(in crate::plugin) fn add_ack(&mut self, ack: Option<Write>) {
        self.recorded_bytes += ack.as_ref().map_or(0, Write::cost);
        self.recorded.extend(ack);
    }

    /// Drops what was recorded.
    pub(in crate::plugin) fn forget(&mut self) {
        self.recorded.clear();
        self.held.release();
    }

    /// Nothing is recorded any more, and nothing held back.
    fn flushed(&mut self) {
        (self.recorded_bytes, self.recorded_weight, self.overlay_weight, self.recorded_timers) = (0, 0, 0, (0, 0));
        self.pass_budget_on();
        self.joins = Joins::default();
        self.joined_rooms = held_joins(&*self.call.effects);
    }
}

/// A part of what the host may hold for the plugin.
pub(super) fn hold(plugin: &Plugin, bytes: usize) -> Result<Held, Refusal> {
    plugin.held.hold(bytes).ok_or_else(|| refusals::plugin_bytes(plugin.held.most()))
}

/// How many names of rooms sockets join by the writes that the dispatch holds back.
fn held_joins(effects: &dyn Effects) -> usize {
    let mut joined = 0;
    effects.held(None, &mut |held| joined = held.iter().map(Write::joined_rooms).sum());
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
