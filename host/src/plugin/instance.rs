//! A running copy of a component, with its own memory.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::Store;

use super::call::Call;
use super::contract::{ExportResult, Exports, LinkedComponent};
use super::failure::Failure;
use super::host::{ActiveCall, GenerationContext, InstanceState};
use super::manifest::Manifest;
use super::permits::Permit;
use super::running::Running;

/// One instance. It serves one call at a time, and is dropped when a call did not end cleanly: nothing is known then of what its
/// memory holds.
pub(super) struct Instance<C: LinkedComponent> {
    /// None only while it is dropped.
    store: Option<Store<InstanceState>>,
    exports: C::Exports,
    /// How often the pool had looked at its idle instances when this one became idle.
    pub(super) idle_since: u64,
}

/// The instance has no memory any more. Nothing can call it then.
#[derive(Debug, thiserror::Error)]
#[error("the instance has been dropped")]
struct Gone;

impl<C: LinkedComponent> Instance<C> {
    /// Makes an instance. What its modules do at their start counts as running time.
    pub(super) async fn new(component: &C, context: &Arc<GenerationContext>, running: &Arc<Running>) -> wasmtime::Result<Self> {
        let engine = component.engine();
        let mut store = Store::new(engine.get(), InstanceState::new(context.clone(), engine.parts(), running.clone()));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(context.plugin.call_limits.host_call_bytes());
        store.epoch_deadline_callback(|context| context.data().running.tick());
        store.set_epoch_deadline(1);
        let exports = component.instantiate(&mut store).await?;
        store.data_mut().memory.set_first();
        Ok(Self { store: Some(store), exports, idle_since: 0 })
    }

    /// Calls `register`: the component may refuse to be loaded.
    pub(super) async fn register(&mut self) -> wasmtime::Result<Result<Manifest, Failure>> {
        let store = self.store.as_mut().ok_or(Gone)?;
        store.set_epoch_deadline(1);
        self.exports.register(store).await
    }

    /// Runs one call. Returns what the export returned, and the call with the writes that it recorded and did not send.
    pub(super) async fn enter(
        &mut self,
        call: Call,
        ends_at: Instant,
        running: Arc<Running>,
        permit: Permit,
    ) -> wasmtime::Result<(ExportResult, Option<ActiveCall>)> {
        let store = self.store.as_mut().ok_or(Gone)?;
        let (export, registration, socket) = (call.export.clone(), call.registration, call.socket.clone());
        let id = store.data().context.plugin.next_call();
        store.data_mut().begin(call, ends_at, running, permit);
        store.set_epoch_deadline(1);
        let returned = self.exports.enter(store, id, &export, registration, socket.as_deref()).await?;
        Ok((returned, store.data_mut().active.take()))
    }

    /// What takes long to drop of an instance.
    pub(super) fn into_memory(mut self) -> Option<Store<InstanceState>> {
        self.store.take()
    }

    /// Whether the instance has grown so much that it is not kept for long, and is dropped on a guest thread.
    pub(super) fn is_large(&self) -> bool {
        self.store.as_ref().is_some_and(|store| store.data().memory.is_large())
    }
}

impl<C: LinkedComponent> Drop for Instance<C> {
    fn drop(&mut self) {
        let Some(store) = self.store.take_if(|store| store.data().memory.is_large() && !store.data().running.is_away()) else {
            return;
        };
        // Giving tens of megabytes back takes milliseconds. The call's permit is in the store: until then nothing takes its place.
        let threads = store.data().context.plugin.threads.clone();
        threads.drop_there(store);
    }
}
