//! What each version of the contract provides, in the host's own types. One folder below `bindings/` implements it for one version.

use std::sync::Arc;

use wasmtime::Store;

use super::call::Export;
use super::engine::WasmEngine;
use super::failure::Failure;
use super::host::InstanceState;
use super::manifest::Manifest;
use crate::adapter::Socket;
use crate::packet::Payload;

/// A component that was compiled and linked: instances are made of it.
///
/// A version of the contract is a type parameter and not a trait object, so that a call allocates one future, the one of
/// [`Runner::call`](super::Runner::call), and not another for each layer.
pub(super) trait LinkedComponent: Send + Sync + Sized + 'static {
    type Exports: Exports;

    /// The engine that its instances run on.
    fn engine(&self) -> &WasmEngine;

    fn instantiate(&self, store: &mut Store<InstanceState>) -> impl Future<Output = wasmtime::Result<Self::Exports>> + Send;
}

/// The exports of one instance, which lives in a store.
pub(super) trait Exports: Send + Sync + 'static {
    /// Calls `register`: what the component serves and requests. It may refuse to be loaded with its configuration.
    fn register(
        &self,
        store: &mut Store<InstanceState>,
    ) -> impl Future<Output = wasmtime::Result<Result<Manifest, Failure>>> + Send;

    /// Wakes a `shared` instance: these tickets are answered.
    fn wake(&self, store: &mut Store<InstanceState>, tickets: &[u64]) -> impl Future<Output = wasmtime::Result<()>> + Send;

    /// What the next generation of a `shared` plugin shall start with, as the instance of this number has it.
    fn snapshot(
        &self,
        store: &mut Store<InstanceState>,
        instance: u32,
    ) -> impl Future<Output = wasmtime::Result<Result<String, Failure>>> + Send;

    /// Hands over what the generation before has left.
    fn restore(
        &self,
        store: &mut Store<InstanceState>,
        instance: u32,
        state: &str,
    ) -> impl Future<Output = wasmtime::Result<Result<(), Failure>>> + Send;

    /// Enters the export that a call is for. `id` names the call; `registration` is the index of the namespace.
    fn enter(
        &self,
        store: &mut Store<InstanceState>,
        id: u64,
        export: Export,
        registration: Option<u32>,
        socket: Option<Arc<Socket>>,
    ) -> impl Future<Output = wasmtime::Result<ExportResult>> + Send;
}

/// What an export returned: an `outcome` or a `verdict`.
pub(super) enum ExportResult {
    /// The call ended well. The payload is the ack that a handler returned; middleware that lets pass has none.
    Done(Option<Payload>),
    Rewritten {
        name: String,
        payload: Payload,
    },
    Rejected(Failure),
    Failed(Failure),
    Waiting,
}
