//! A component of this version: linking and instantiation.

use wasmtime::Store;
use wasmtime::component::{self, HasSelf, Linker};

use super::generated::innkeeper::plugin::{
    acks, calls, cluster, config, emit, http, jwt, log, rate_limit, rooms, sockets, store, timers, types,
};
use super::generated::{Plugin as Exports, PluginPre};
use crate::plugin::contract::LinkedComponent;
use crate::plugin::engine::WasmEngine;
use crate::plugin::host::InstanceState;

/// What the linked host functions work on.
type Host = HasSelf<InstanceState>;

/// A component whose imports and exports are those of this version.
pub(in crate::plugin) struct Component {
    instantiate: PluginPre<InstanceState>,
    engine: WasmEngine,
}

impl Component {
    /// Links a component. The error names the import or export that does not fit.
    pub(in crate::plugin) fn link(engine: WasmEngine, component: &component::Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine.get());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        add_imports(&mut linker)?;
        Ok(Self { instantiate: PluginPre::new(linker.instantiate_pre(component)?)?, engine })
    }
}

impl LinkedComponent for Component {
    type Exports = Exports;

    fn engine(&self) -> &WasmEngine {
        &self.engine
    }

    async fn instantiate(&self, store: &mut Store<InstanceState>) -> wasmtime::Result<Exports> {
        self.instantiate.instantiate_async(store).await
    }
}

/// Everything that this version imports, but WASI.
fn add_imports(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let host: fn(&mut InstanceState) -> &mut InstanceState = |state| state;
    emit::add_to_linker::<_, Host>(linker, host)?;
    rooms::add_to_linker::<_, Host>(linker, host)?;
    sockets::add_to_linker::<_, Host>(linker, host)?;
    acks::add_to_linker::<_, Host>(linker, host)?;
    calls::add_to_linker::<_, Host>(linker, host)?;
    timers::add_to_linker::<_, Host>(linker, host)?;
    store::add_to_linker::<_, Host>(linker, host)?;
    jwt::add_to_linker::<_, Host>(linker, host)?;
    rate_limit::add_to_linker::<_, Host>(linker, host)?;
    http::add_to_linker::<_, Host>(linker, host)?;
    cluster::add_to_linker::<_, Host>(linker, host)?;
    log::add_to_linker::<_, Host>(linker, host)?;
    config::add_to_linker::<_, Host>(linker, host)?;
    types::add_to_linker::<_, Host>(linker, host)
}
