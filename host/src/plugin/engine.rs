//! The Wasm engines: one for each loaded version of a plugin, with interruption and, where there is the address space, a pool of memory
//! of its own. So no plugin can take another's memory, and what is loaded, changed or removed changes nothing for the others.

use std::sync::Arc;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::clock::{Clock, EngineClock};
use super::error::EngineError;
use super::guest_run::PluginThreads;
use super::guest_threads::GuestThreads;
use super::parts::ComponentParts;
use crate::config::{InstanceAllocation, PluginConfig};

/// Elements of one table. A runtime such as Python's needs far more than wasmtime's default.
pub(super) const TABLE_ELEMENTS: usize = 100_000;
/// Core instances that the engine itself adds to a component of several components, for the calls between them.
const ADAPTERS: usize = 16;
/// Instances besides those that calls may have: the trial instance, and those that are being dropped.
const SPARE_INSTANCES: usize = 8;
/// Behind each memory where the address space is small; without a large guard, accesses are checked in code.
const SMALL_GUARD_BYTES: u64 = 64 << 10;
/// Of one call, host functions included. What it does not touch takes no memory.
const STACK_BYTES: usize = 6 << 20;
/// The guest's part. An interpreter recurses on it: JavaScript that walks JSON as deep as a client may send it takes two MiB.
const WASM_STACK_BYTES: usize = 4 << 20;

/// What the engines of all plugins share.
pub(crate) struct WasmEngines {
    clock: Clock,
    threads: Arc<GuestThreads>,
    allocation: InstanceAllocation,
}

/// Compiles and runs one loaded version of a plugin.
pub(super) struct WasmEngine {
    clock: Arc<EngineClock>,
    parts: ComponentParts,
    layout: MemoryLayout,
}

/// What compiled code expects of linear memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryLayout {
    /// All that an instruction can reach is reserved, so no access has to be checked.
    Reserved,
    /// So many bytes are there, and code checks its accesses.
    Checked(usize),
}

impl MemoryLayout {
    /// As the command line of a child that compiles has it.
    pub(super) fn arguments(self) -> Vec<String> {
        match self {
            Self::Reserved => Vec::new(),
            Self::Checked(bytes) => vec!["--memory-reservation".to_owned(), bytes.to_string()],
        }
    }
}

impl WasmEngines {
    /// Starts the clock and the threads of all engines.
    pub(crate) fn start(allocation: InstanceAllocation, guest_threads: usize) -> Result<Arc<Self>, EngineError> {
        let clock = Clock::start().map_err(|error| EngineError(error.into()))?;
        let threads = GuestThreads::start(guest_threads).map_err(|error| EngineError(error.into()))?;
        Ok(Arc::new(Self { clock, threads: Arc::new(threads), allocation }))
    }

    /// The part of the guest threads that belongs to this plugin.
    pub(super) fn threads_of(&self, plugin: &Arc<str>) -> Arc<PluginThreads> {
        Arc::new(PluginThreads::new(plugin.clone(), self.threads.clone()))
    }

    /// An engine for a component of these parts, with room for as many instances as the plugin may have.
    pub(super) fn engine(&self, plugin: &PluginConfig, parts: ComponentParts) -> Result<WasmEngine, EngineError> {
        let parts = ComponentParts { core_instances: parts.core_instances + ADAPTERS, ..parts };
        let (engine, layout) = self.allocate(plugin, &parts).map_err(EngineError)?;
        Ok(WasmEngine { clock: self.clock.of(engine), parts, layout })
    }

    /// An engine with the memory of all instances reserved, or else one that allocates each instance when it is made.
    fn allocate(&self, plugin: &PluginConfig, parts: &ComponentParts) -> wasmtime::Result<(Engine, MemoryLayout)> {
        let memory_bytes = plugin.limits.memory_bytes_max;
        let instances =
            plugin.limits.instances_max + plugin.limits.waiting_max + plugin.limits.shared_instances + SPARE_INSTANCES;
        if self.allocation == InstanceAllocation::Pooling {
            let mut config = configure(MemoryLayout::Reserved);
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances, memory_bytes, parts)));
            match Engine::new(&config) {
                Ok(engine) => return Ok((engine, MemoryLayout::Reserved)),
                Err(error) => tracing::warn!(
                    plugin = plugin.name,
                    "the address space of this system does not hold a pool of {instances} instances ({error:#}), so each is allocated on demand, which takes a little longer; allow more (ulimit -v), lower instances_max and waiting_max in [plugins.{}], or choose this with instance_allocation = \"on-demand\" in [wasm]",
                    plugin.name
                ),
            }
        }
        let layout = MemoryLayout::Checked(memory_bytes);
        let mut config = configure(layout);
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Engine::new(&config).map(|engine| (engine, layout))
    }
}

impl WasmEngine {
    pub(super) fn get(&self) -> &Engine {
        self.clock.engine()
    }

    /// The clock of the engine's guests.
    pub(super) fn clock(&self) -> &Arc<EngineClock> {
        &self.clock
    }

    /// What code has to be compiled for.
    pub(super) fn layout(&self) -> MemoryLayout {
        self.layout
    }

    /// What one instance may consist of.
    pub(super) fn parts(&self) -> ComponentParts {
        self.parts
    }
}

/// All that decides what code is compiled to: the same for an engine that runs it and for a child that compiles it.
pub(super) fn configure(layout: MemoryLayout) -> Config {
    let mut config = Config::new();
    if let MemoryLayout::Checked(bytes) = layout {
        // No more than an instance may use: by default it would be 4 GiB for each.
        config.memory_reservation(u64::try_from(bytes).unwrap_or(u64::MAX));
        config.memory_reservation_for_growth(0);
        config.memory_guard_size(SMALL_GUARD_BYTES);
        config.guard_before_linear_memory(false);
    }
    config.epoch_interruption(true);
    // Nothing in the contract is async-typed, and without it a call is a microsecond cheaper.
    config.concurrency_support(false);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(STACK_BYTES);
    config
}

fn pool(instances: usize, memory_bytes: usize, parts: &ComponentParts) -> PoolingAllocationConfig {
    let count = |of_each: usize| u32::try_from(instances.saturating_mul(of_each)).unwrap_or(u32::MAX);
    let most = |of_each: usize| u32::try_from(of_each).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(count(1));
    pool.total_core_instances(count(parts.core_instances));
    pool.total_memories(count(parts.memories));
    pool.total_tables(count(parts.tables));
    pool.total_stacks(count(1));
    pool.max_memory_size(memory_bytes);
    pool.max_core_instances_per_component(most(parts.core_instances));
    pool.max_memories_per_component(most(parts.memories));
    pool.max_tables_per_component(most(parts.tables));
    pool.table_elements(TABLE_ELEMENTS);
    pool.max_component_instance_size(1 << 20);
    pool.max_core_instance_size(1 << 20);
    // Small guests start faster if the memory that they always use is kept.
    pool.linear_memory_keep_resident(64 << 10);
    pool.table_keep_resident(4 << 10);
    pool
}
