//! A running copy of a component, with its own memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{Store, UpdateDeadline};

use super::call::Call;
use super::clock::TICK;
use super::contract::{ExportResult, Exports, LinkedComponent};
use super::failure::Failure;
use super::host::{ActiveCall, GenerationContext, InstanceState};
use super::manifest::Manifest;

/// One instance. It serves one call at a time, and is dropped when a call did not end cleanly: nothing is known then of what its
/// memory holds.
pub(super) struct Instance<C: LinkedComponent> {
    store: Store<InstanceState>,
    exports: C::Exports,
    pub(super) idle_since: Instant,
}

impl<C: LinkedComponent> Instance<C> {
    pub(super) async fn new(component: &C, context: &Arc<GenerationContext>) -> wasmtime::Result<Self> {
        let mut store = Store::new(component.engine().get(), InstanceState::new(context.clone(), component.engine().parts()));
        store.limiter(|state| &mut state.memory);
        let ticks_max = ticks(context.plugin.config.limits.run_deadline);
        store.epoch_deadline_callback(move |mut context| tick(context.data_mut(), ticks_max));
        store.set_epoch_deadline(1);
        let exports = component.instantiate(&mut store).await?;
        Ok(Self { store, exports, idle_since: Instant::now() })
    }

    /// Calls `register`: the component may refuse to be loaded.
    pub(super) async fn register(&mut self) -> wasmtime::Result<Result<Manifest, Failure>> {
        self.store.set_epoch_deadline(1);
        self.exports.register(&mut self.store).await
    }

    /// Runs one call. Returns what the export returned, and the call with the writes that it recorded and did not send.
    pub(super) async fn enter(&mut self, call: Call, ends_at: Instant) -> wasmtime::Result<(ExportResult, Option<ActiveCall>)> {
        let (export, registration, socket) = (call.export.clone(), call.registration, call.socket.clone());
        let id = self.store.data().context.plugin.next_call();
        self.store.data_mut().begin(call, ends_at);
        self.store.set_epoch_deadline(1);
        let returned = self.exports.enter(&mut self.store, id, &export, registration, socket.as_deref()).await?;
        Ok((returned, self.store.data_mut().active.take()))
    }
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
}

/// The engine's clock ticked while the guest ran: the guest yields to the other tasks, and is ended when its time is up.
fn tick(state: &mut InstanceState, ticks_max: u64) -> wasmtime::Result<UpdateDeadline> {
    let clock = &mut state.clock;
    if std::mem::take(&mut clock.waited) {
        return Ok(UpdateDeadline::Continue(1));
    }
    clock.ticks += 1;
    if clock.ticks > ticks_max {
        return Err(wasmtime::Error::new(RunTimeExceeded));
    }
    // Tokio's own yield looks at the network before the task runs again; a plain wake would only pass among tasks that compute.
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// The guest ran for longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("it ran for longer than run_ms allows")]
pub(super) struct RunTimeExceeded;
