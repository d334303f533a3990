//! A running copy of a component, with its own memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{Store, UpdateDeadline};

use super::bindings::v0_1::{self, registering, types};
use super::engine::TICK;
use super::host::{ActiveCall, InstanceState, PluginContext};
use super::{Call, WasmEngine};

/// Names each export, for `settle`. Relaxed: it only has to be another one each time.
static CALL_IDS: AtomicU64 = AtomicU64::new(1);

/// One instance. It serves one call at a time, and is thrown away when a call did not end cleanly: what its memory holds then
/// is anybody's guess.
pub(super) struct Instance {
    store: Store<InstanceState>,
    exports: v0_1::Exports,
    pub(super) idle_since: Instant,
}

/// What an export returned.
pub(super) enum ExportResult {
    Outcome(types::Outcome),
    Verdict(types::Verdict),
}

impl Instance {
    pub(super) async fn new(
        engine: &WasmEngine,
        pre: &v0_1::ExportsPre<InstanceState>,
        context: &Arc<PluginContext>,
        run_deadline: Duration,
    ) -> wasmtime::Result<Self> {
        let mut store = Store::new(engine.get(), InstanceState::new(context.clone()));
        store.limiter(|state| &mut state.limits);
        let ticks_max = u64::try_from(run_deadline.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX);
        store.epoch_deadline_callback(move |mut context| tick(context.data_mut(), ticks_max));
        store.set_epoch_deadline(1);
        let exports = pre.instantiate_async(&mut store).await?;
        Ok(Self { store, exports, idle_since: Instant::now() })
    }

    /// Asks the component what it is.
    pub(super) async fn register(&mut self) -> wasmtime::Result<registering::Registration> {
        self.store.set_epoch_deadline(1);
        self.exports.call_register(&mut self.store).await
    }

    /// Runs one call, and gives back what it recorded and did not send.
    pub(super) async fn enter(&mut self, call: Call, ends_at: Instant) -> wasmtime::Result<(ExportResult, Option<ActiveCall>)> {
        let (export, socket) = (call.export.clone(), call.socket.clone());
        self.store.data_mut().begin(call, ends_at);
        self.store.set_epoch_deadline(1);
        let id = CALL_IDS.fetch_add(1, Ordering::Relaxed);
        let returned = v0_1::enter(&self.exports, &mut self.store, id, &export, socket.as_deref()).await?;
        Ok((returned, self.store.data_mut().active.take()))
    }
}

/// The engine's clock ticked while the guest ran: it yields to its neighbours, and is ended when its time is up.
fn tick(state: &mut InstanceState, ticks_max: u64) -> wasmtime::Result<UpdateDeadline> {
    let clock = &mut state.clock;
    if std::mem::take(&mut clock.waited) {
        return Ok(UpdateDeadline::Continue(1));
    }
    clock.ticks += 1;
    if clock.ticks > ticks_max {
        return Err(wasmtime::Error::new(OverRunTime));
    }
    // Tokio's own yield looks at the sockets before it comes back; a plain wake goes round among those that compute.
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// The guest ran for longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("it ran for longer than run_ms allows")]
pub(super) struct OverRunTime;
