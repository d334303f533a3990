//! The Wasm engine: one for all plugins, with interruption and, where there is the address space, a pool of memory sized from the limits.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, StoreLimits, StoreLimitsBuilder,
};

use super::error::EngineError;
use crate::config::InstanceAllocation;

/// How long a guest runs before it first yields to other tasks, and the step in which its running time is counted.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// A component is several core modules: two in Rust, up to thirteen in JavaScript, fourteen in Python.
const CORE_INSTANCES_PER_INSTANCE: usize = 32;
const MEMORIES_PER_INSTANCE: usize = 4;
/// A runtime such as Python's needs far more than wasmtime's default of both.
const TABLES_PER_INSTANCE: usize = 4;
const TABLE_ELEMENTS: usize = 100_000;
/// Behind each memory where the address space is small; without a large guard, accesses are checked in code.
const SMALL_GUARD_BYTES: u64 = 64 << 10;
const STACK_BYTES: usize = 2 << 20;
const WASM_STACK_BYTES: usize = 1 << 20;

/// Compiles and runs components.
pub(crate) struct WasmEngine {
    engine: Engine,
}

/// What an engine is made for.
pub(crate) struct EngineOptions {
    /// Instances at once, at most.
    pub(crate) instances: usize,
    /// The memory of one instance, at most.
    pub(crate) memory_bytes: usize,
    pub(crate) cache: CacheFolder,
    pub(crate) allocation: InstanceAllocation,
}

/// The folder of compiled components.
pub(crate) enum CacheFolder {
    At(PathBuf),
    /// There should be one, and this system has no place for it.
    Unknown,
    Off,
}

impl WasmEngine {
    /// An engine. A cache that cannot be had, and address space for all instances, are left out, with a line in the log: they only make
    /// starts and calls faster.
    pub(crate) fn start(options: &EngineOptions) -> Result<Arc<Self>, EngineError> {
        let cache = open_cache(&options.cache);
        let engine = allocate(options, cache).map_err(EngineError)?;
        start_clock(&engine).map_err(|error| EngineError(error.into()))?;
        Ok(Arc::new(Self { engine }))
    }

    pub(crate) fn get(&self) -> &Engine {
        &self.engine
    }
}

/// The cache, if there is to be one and its folder can be written.
fn open_cache(folder: &CacheFolder) -> Option<Cache> {
    let opened = match folder {
        CacheFolder::Off => return None,
        CacheFolder::Unknown => Err("no cache folder is known: neither XDG_CACHE_HOME nor HOME is set".to_owned()),
        CacheFolder::At(folder) => {
            cache_in(folder).map_err(|error| format!("the folder {} cannot be written: {error:#}", folder.display()))
        }
    };
    let missing = |reason: String| {
        tracing::warn!(
            "compiled components are not kept, and every start compiles them anew, since {reason}; name another folder with cache in [wasm], or switch the cache off with cache = false"
        );
    };
    opened.map_err(missing).ok()
}

fn cache_in(folder: &Path) -> wasmtime::Result<Cache> {
    fs::create_dir_all(folder)?;
    // The cache itself reports no failed write.
    let probe = folder.join(format!(".writable-{}", std::process::id()));
    fs::write(&probe, [])?;
    fs::remove_file(&probe)?;
    let mut cache = CacheConfig::new();
    // wasmtime refuses a relative one, and a folder is relative where the configuration is named without its folder.
    cache.with_directory(std::path::absolute(folder)?);
    Cache::new(cache)
}

/// An engine with the memory of all instances reserved, or else one that allocates each instance when it is made.
fn allocate(options: &EngineOptions, cache: Option<Cache>) -> wasmtime::Result<Engine> {
    let &EngineOptions { instances, memory_bytes, .. } = options;
    if options.allocation == InstanceAllocation::Pooling {
        let mut config = configure(cache.clone());
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances, memory_bytes)));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => tracing::warn!(
                "the address space of this system does not hold a pool of {instances} instances ({error:#}), so each is allocated on demand, which takes a little longer; allow more (ulimit -v), lower instances_max of the plugins, or choose this with instance_allocation = \"on-demand\" in [wasm]"
            ),
        }
    }
    let mut config = configure(cache);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    // No more than an instance may use: by default it would be 4 GiB for each.
    config.memory_reservation(u64::try_from(memory_bytes)?);
    config.memory_reservation_for_growth(0);
    config.memory_guard_size(SMALL_GUARD_BYTES);
    config.guard_before_linear_memory(false);
    Engine::new(&config)
}

fn configure(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // Nothing in the contract is async-typed, and without it a call is a microsecond cheaper.
    config.concurrency_support(false);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(STACK_BYTES);
    config.cache(cache);
    config
}

/// What one instance may have besides the bytes of its memory, whoever allocates it.
pub(super) fn instance_limits(memory_bytes: usize) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(memory_bytes)
        .memories(MEMORIES_PER_INSTANCE)
        .tables(TABLES_PER_INSTANCE)
        .table_elements(TABLE_ELEMENTS)
        .instances(CORE_INSTANCES_PER_INSTANCE)
        .build()
}

fn pool(instances: usize, memory_bytes: usize) -> PoolingAllocationConfig {
    let count = |of_each: usize| u32::try_from(instances.saturating_mul(of_each)).unwrap_or(u32::MAX);
    let most = |of_each: usize| u32::try_from(of_each).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(count(1));
    pool.total_core_instances(count(CORE_INSTANCES_PER_INSTANCE));
    pool.total_memories(count(1));
    pool.total_tables(count(TABLES_PER_INSTANCE));
    pool.total_stacks(count(1));
    pool.max_memory_size(memory_bytes);
    pool.max_core_instances_per_component(most(CORE_INSTANCES_PER_INSTANCE));
    pool.max_memories_per_component(most(MEMORIES_PER_INSTANCE));
    pool.max_tables_per_component(most(TABLES_PER_INSTANCE));
    pool.table_elements(TABLE_ELEMENTS);
    pool.max_component_instance_size(1 << 20);
    pool.max_core_instance_size(1 << 20);
    // Small guests start faster if the memory that they always use is kept.
    pool.linear_memory_keep_resident(64 << 10);
    pool.table_keep_resident(4 << 10);
    pool
}

/// Starts the clock that interrupts guests. It ends when the engine is gone.
fn start_clock(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("wasm-clock".into()).spawn(tick).map(drop)
}
