//! The Wasm engine: one for all plugins, with interruption and a pool of memory sized from the limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::error::PluginError;

/// How long a guest runs before it first yields to other tasks, and the step in which its running time is counted.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// A component is several core modules: two in Rust, up to thirteen in JavaScript, fourteen in Python.
const CORE_INSTANCES_PER_INSTANCE: u32 = 32;
const STACK_BYTES: usize = 2 << 20;
const WASM_STACK_BYTES: usize = 1 << 20;

/// Compiles and runs components.
pub(crate) struct WasmEngine {
    engine: Engine,
}

impl WasmEngine {
    /// An engine for at most `instances` instances of at most `memory_bytes` each. Compiled components are kept in `cache`.
    pub(crate) fn start(instances: usize, memory_bytes: usize, cache: Option<PathBuf>) -> Result<Arc<Self>, PluginError> {
        let engine =
            configure(instances, memory_bytes, cache).and_then(|config| Engine::new(&config)).map_err(PluginError::Engine)?;
        start_clock(&engine).map_err(|error| PluginError::Engine(error.into()))?;
        Ok(Arc::new(Self { engine }))
    }

    pub(crate) fn get(&self) -> &Engine {
        &self.engine
    }
}

fn configure(instances: usize, memory_bytes: usize, cache: Option<PathBuf>) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    // Nothing in the contract is async-typed, and without it a call is a microsecond cheaper.
    config.concurrency_support(false);
    config.max_wasm_stack(WASM_STACK_BYTES);
    config.async_stack_size(STACK_BYTES);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances, memory_bytes)));
    if let Some(directory) = cache {
        let mut cache = CacheConfig::new();
        cache.with_directory(directory);
        config.cache(Some(Cache::new(cache)?));
    }
    Ok(config)
}

fn pool(instances: usize, memory_bytes: usize) -> PoolingAllocationConfig {
    let instances = u32::try_from(instances).unwrap_or(u32::MAX / CORE_INSTANCES_PER_INSTANCE);
    let core_instances = instances.saturating_mul(CORE_INSTANCES_PER_INSTANCE);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances);
    pool.total_core_instances(core_instances);
    pool.total_memories(instances);
    pool.total_tables(instances.saturating_mul(4));
    pool.total_stacks(instances);
    pool.max_memory_size(memory_bytes);
    pool.max_core_instances_per_component(CORE_INSTANCES_PER_INSTANCE);
    // A runtime such as Python's needs far more than the default of both.
    pool.max_tables_per_component(4);
    pool.table_elements(100_000);
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
