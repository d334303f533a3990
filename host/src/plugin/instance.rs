//! A running copy of a component, with its own memory. How it is entered in `pooled` mode, for one call after the other, and in
//! `shared` mode, where calls are open between the entries.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::Store;

use super::call::{Call, Export};
use super::contract::{ExportResult, Exports, LinkedComponent};
use super::failure::Failure;
use super::host::{ActiveCall, GenerationContext, InstanceState, SharedState};
use super::manifest::Manifest;
use super::permits::Permit;
use super::running::Running;
use crate::adapter::Socket;

/// One instance. It is entered for one thing at a time, and is dropped when an entry did not end cleanly: nothing is known then of
/// what its memory holds.
pub(super) struct Instance<C: LinkedComponent> {
    /// None only while it is dropped.
    store: Option<Store<InstanceState>>,
    exports: Box<C::Exports>,
    /// How often the pool had looked at its idle instances when this one became idle.
    pub(super) idle_since: u64,
}

/// A call that has begun in an instance. What is on its way into the guest is moved from one future into the next: so the largest
/// of them is made apart from all that can fail.
pub(super) struct Entry<'a, C: LinkedComponent> {
    store: &'a mut Store<InstanceState>,
    exports: &'a C::Exports,
    id: u64,
    export: Export,
    registration: Option<u32>,
    socket: Option<Arc<Socket>>,
}

/// One entry into an instance in `shared` mode.
pub(super) enum SharedEntry {
    /// A call begins.
    Call {
        id: u64,
        export: Export,
        registration: Option<u32>,
        socket: Option<Arc<Socket>>,
    },
    /// These tickets are answered.
    Wake(Vec<u64>),
    /// Of the instance of this number.
    Snapshot(u32),
    Restore(u32, String),
}

/// What such an entry returned.
pub(super) enum Returned {
    Call(ExportResult),
    Woken,
    Snapshot(Result<String, Failure>),
    Restored(Result<(), Failure>),
}

/// The instance has no memory any more. Nothing can call it then.
#[derive(Debug, thiserror::Error)]
#[error("the instance has been dropped")]
pub(super) struct Gone;

impl<C: LinkedComponent> Instance<C> {
    /// Makes an instance. What its modules do at their start counts as running time.
    pub(super) async fn new(component: &C, context: &Arc<GenerationContext>, running: &Arc<Running>) -> wasmtime::Result<Self> {
        let engine = component.engine();
        let mut store = Store::new(engine.get(), InstanceState::new(context.clone(), engine.parts(), running.clone()));
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(context.call_limits.host_call_bytes());
        store.epoch_deadline_callback(|context| context.data().running.tick());
        store.set_epoch_deadline(1);
        let exports = Box::new(component.instantiate(&mut store).await?);
        store.data_mut().memory.set_first();
        Ok(Self { store: Some(store), exports, idle_since: 0 })
    }

    /// Calls `register`: the component may refuse to be loaded.
    pub(super) async fn register(&mut self) -> wasmtime::Result<Result<Manifest, Failure>> {
        let store = self.store.as_mut().ok_or(Gone)?;
        store.set_epoch_deadline(1);
        self.exports.register(store).await
    }

    /// A call begins. When it has returned, the instance keeps what it recorded, until [`Instance::end`].
    pub(super) fn begin(
        &mut self,
        call: Call,
        ends_at: Instant,
        running: Arc<Running>,
        permit: Permit,
    ) -> Result<Entry<'_, C>, Gone> {
        let store = self.store.as_mut().ok_or(Gone)?;
        let (export, registration, socket) = (call.export.clone(), call.registration, call.socket.clone());
        let id = store.data().context.plugin.next_call();
        store.data_mut().begin(call, ends_at, running, permit);
        store.set_epoch_deadline(1);
        Ok(Entry { store, exports: &self.exports, id, export, registration, socket })
    }

    /// The call that has returned, with the writes that it recorded and did not send.
    pub(super) fn active(&mut self) -> Option<&mut ActiveCall> {
        self.store.as_mut()?.data_mut().active.as_mut()
    }

    /// The call is over, and the instance may serve the next one.
    pub(super) fn end(&mut self) {
        if let Some(store) = &mut self.store {
            store.data_mut().active = None;
        }
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

/// In `shared` mode.
impl<C: LinkedComponent> Instance<C> {
    /// From now on calls are open between the entries.
    pub(super) fn share(&mut self, state: SharedState) {
        if let Some(store) = &mut self.store {
            store.data_mut().shared = Some(Box::new(state));
        }
    }

    /// What the instance keeps between entries.
    pub(super) fn shared(&mut self) -> Option<&mut SharedState> {
        self.store.as_mut()?.data_mut().shared.as_deref_mut()
    }

    /// Enters the guest. `call` is what the writes of the entry belong to, `muted_by` the `resumed` run that it is part of. When it has
    /// returned, the instance keeps what it recorded, until [`Instance::end_entry`].
    pub(super) async fn enter(
        &mut self,
        entry: SharedEntry,
        call: Call,
        ends_at: Instant,
        running: Arc<Running>,
        muted_by: Option<u64>,
    ) -> wasmtime::Result<Returned> {
        let store = self.store.as_mut().ok_or(Gone)?;
        store.data_mut().begin_entry(call, ends_at, running, muted_by);
        store.set_epoch_deadline(1);
        Ok(match entry {
            SharedEntry::Call { id, export, registration, socket } => {
                Returned::Call(self.exports.enter(store, id, export, registration, socket).await?)
            }
            SharedEntry::Wake(tickets) => {
                self.exports.wake(store, &tickets).await?;
                Returned::Woken
            }
            SharedEntry::Snapshot(instance) => Returned::Snapshot(self.exports.snapshot(store, instance).await?),
            SharedEntry::Restore(instance, state) => Returned::Restored(self.exports.restore(store, instance, &state).await?),
        })
    }

    /// The entry has returned: what it recorded.
    pub(super) fn end_entry(&mut self) -> Option<ActiveCall> {
        self.store.as_mut()?.data_mut().end_entry()
    }
}

impl<C: LinkedComponent> Entry<'_, C> {
    /// Runs the call.
    pub(super) fn enter(self) -> impl Future<Output = wasmtime::Result<ExportResult>> + Send {
        self.exports.enter(self.store, self.id, self.export, self.registration, self.socket)
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
