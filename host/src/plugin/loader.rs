//! From a file to a plugin that can be called: read, compile, link, make a trial instance, register, check the grants.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio::time::timeout;
use wasmtime::component::{Component, Linker};

use super::bindings::v0_1::{self, ExportsPre, registering};
use super::capability;
use super::failure_log::FailureLog;
use super::host::{CallLimits, InstanceState, KeyAccess, PluginContext, StoreAccess};
use super::instance::Instance;
use super::pool::{self, PoolLimits, PooledGeneration};
use super::registration::{Hook, NamespaceRegistration, Registration};
use super::{PluginError, PluginTimers, Runner, WasmEngine, validate};
use crate::adapter::Adapter;
use crate::auth::Keys;
use crate::config::{Limits, PluginConfig};
use crate::rate_limit::RateLimits;
use crate::store::LazyStore;

/// The parts of the house that plugins reach through their imports.
pub(crate) struct HostServices {
    pub(crate) sockets: Arc<Adapter>,
    pub(crate) store: Arc<LazyStore>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) rate_limits: RateLimits,
}

/// Loads one plugin.
pub(crate) async fn load(
    engine: &Arc<WasmEngine>,
    config: &PluginConfig,
    limits: &Limits,
    services: &HostServices,
) -> Result<(Arc<dyn Runner>, Vec<NamespaceRegistration>), PluginError> {
    let pre = compile(engine, config).await?;
    let limits_of_plugin =
        PoolLimits { instances: config.limits.instances_max, run: config.limits.run_deadline, call: config.limits.call_deadline };
    let label: Arc<str> = format!("{}@1", config.name).into();
    let mut context = PluginContext {
        sockets: services.sockets.clone(),
        store: None,
        keys: KeyAccess { keys: services.keys.clone(), names: config.grants.narrowed(capability::JWT) },
        rate_limits: services.rate_limits.table_of(&config.name),
        label: label.clone(),
        capabilities: Vec::new(),
        namespaces: Vec::new(),
        config: config.config.clone(),
        limits: call_limits(limits, config),
        log: Arc::default(),
        timers: Arc::new(PluginTimers::new(config.name.as_str().into())),
        has_timer_hook: false,
    };
    let registration = register(engine, &pre, config, &context).await?;
    tracing::info!(plugin = &*label, sdk = registration.sdk, namespaces = ?names(&registration), "plugin loaded");
    if registration.capabilities.iter().any(|asked| asked == capability::STORE) {
        context.store = Some(store(config, services).await?);
    }
    context.capabilities = registration.capabilities;
    context.has_timer_hook = registration.timer;
    context.namespaces = registration.namespaces.iter().map(|namespace| namespace.name.clone()).collect();
    let plugin = PooledGeneration {
        name: config.name.as_str().into(),
        engine: engine.clone(),
        pre,
        context: Arc::new(context),
        permits: Semaphore::new(limits_of_plugin.instances),
        limits: limits_of_plugin,
        idle: Mutex::default(),
        failures: FailureLog::new(label),
        has_start: registration.start,
    };
    let plugin = Arc::new(plugin);
    pool::spawn_trimming(&plugin);
    Ok((plugin, registration.namespaces))
}

/// The store, narrowed to what was granted. The first plugin that comes here opens it.
async fn store(config: &PluginConfig, services: &HostServices) -> Result<StoreAccess, PluginError> {
    let opened = services.store.get().await;
    let store = opened.map_err(|source| PluginError::Store { plugin: config.name.clone(), source })?;
    Ok(StoreAccess { store, buckets: config.grants.narrowed(capability::STORE) })
}

fn call_limits(limits: &Limits, config: &PluginConfig) -> CallLimits {
    CallLimits {
        writes: limits.writes_per_call_max,
        write_bytes: limits.write_bytes_per_call_max,
        attachments: limits.attachments_max,
        rooms_per_socket: limits.rooms_per_socket_max,
        data_bytes: limits.data_bytes_max,
        log_lines: limits.log_lines_per_call_max,
        memory_bytes: config.limits.memory_bytes_max,
    }
}

fn names(registration: &Registration) -> Vec<&str> {
    registration.namespaces.iter().map(|namespace| &*namespace.name).collect()
}

/// Reads and compiles the component, on a thread where that may take its time.
async fn compile(engine: &Arc<WasmEngine>, config: &PluginConfig) -> Result<ExportsPre<InstanceState>, PluginError> {
    let (engine, plugin, path) = (engine.clone(), config.name.clone(), config.component.clone());
    let compiled = tokio::task::spawn_blocking(move || {
        let read = std::fs::read(&path);
        let bytes = read.map_err(|source| PluginError::Read { plugin: plugin.clone(), path: path.clone(), source })?;
        check_magic(&bytes, &plugin, &path)?;
        let component = Component::new(engine.get(), &bytes);
        let component =
            component.map_err(|source| PluginError::Invalid { plugin: plugin.clone(), path: path.clone(), source })?;
        link(&engine, &component).map_err(|source| PluginError::DoesNotFit { plugin, path, source })
    });
    compiled.await.map_err(|error| PluginError::Engine(error.into()))?
}

fn check_magic(bytes: &[u8], plugin: &str, path: &Path) -> Result<(), PluginError> {
    let what = match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', ..] => "a core module, not a component",
        _ => "not WebAssembly",
    };
    Err(PluginError::NotAComponent { plugin: plugin.into(), path: path.into(), what })
}

/// The one place where the version of the contract decides. Today there is one.
fn link(engine: &WasmEngine, component: &Component) -> wasmtime::Result<ExportsPre<InstanceState>> {
    let mut linker = Linker::new(engine.get());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    v0_1::link(&mut linker)?;
    ExportsPre::new(linker.instantiate_pre(component)?)
}

/// Makes a trial instance and asks it what the plugin is.
async fn register(
    engine: &Arc<WasmEngine>,
    pre: &ExportsPre<InstanceState>,
    config: &PluginConfig,
    context: &PluginContext,
) -> Result<Registration, PluginError> {
    let trial = Arc::new(context.clone());
    let asked = async {
        let mut instance = Instance::new(engine, pre, &trial, config.limits.run_deadline).await?;
        instance.register().await
    };
    let in_time = timeout(config.limits.call_deadline, asked).await.unwrap_or_else(|late| Err(late.into()));
    let answer = in_time.map_err(|source| PluginError::Register { plugin: config.name.clone(), source })?;
    let registration = check(answer).map_err(|what| PluginError::Registration { plugin: config.name.clone(), what })?;
    let refused = registration.capabilities.iter().find(|capability| !config.grants.allow(capability));
    match refused {
        Some(capability) => Err(PluginError::NotGranted { plugin: config.name.clone(), capability: capability.clone() }),
        None => Ok(registration),
    }
}

/// Checks what a plugin registered.
fn check(answer: registering::Registration) -> Result<Registration, String> {
    match answer.mode.as_str() {
        "pooled" => {}
        "shared" => return Err("mode \"shared\", which this host does not have yet".into()),
        other => return Err(format!("mode {other:?}; there are \"pooled\" and \"shared\"")),
    }
    for hook in &answer.hooks {
        match hook.as_str() {
            "start" | "timer" | "server-event" | "snapshot" => {}
            other => return Err(format!("the hook {other:?}; there are start, timer, server-event, snapshot")),
        }
    }
    if let Some(unknown) = answer.capabilities.iter().find(|name| !capability::is_known(name)) {
        return Err(format!("the capability {unknown:?}; there are {}", capability::names()));
    }
    let mut namespaces: Vec<NamespaceRegistration> = Vec::new();
    for namespace in answer.namespaces {
        let checked = check_namespace(namespace)?;
        if namespaces.iter().any(|other| other.name == checked.name) {
            return Err(format!("the namespace {:?} twice", checked.name));
        }
        namespaces.push(checked);
    }
    let mut capabilities = answer.capabilities;
    capabilities.sort_unstable();
    capabilities.dedup();
    let has = |name: &str| answer.hooks.iter().any(|hook| hook == name);
    Ok(Registration { start: has("start"), timer: has("timer"), namespaces, capabilities, sdk: answer.sdk })
}

fn check_namespace(namespace: registering::NamespaceRegistration) -> Result<NamespaceRegistration, String> {
    let name = namespace.name;
    if namespace.options.iter().any(|option| option == "pattern") {
        return Err(format!("the pattern {name:?}, and this host does not have patterns yet"));
    }
    if !name.starts_with('/') || name.contains(',') {
        return Err(format!("the namespace {name:?}; a name begins with \"/\" and has no comma"));
    }
    let hooks = namespace
        .hooks
        .iter()
        .map(|hook| Hook::parse(hook).ok_or_else(|| format!("the hook {hook:?} on {name:?}; there are {}", Hook::names())));
    let hooks = hooks.collect::<Result<_, _>>()?;
    if let Some(reserved) = namespace.events.iter().find(|event| validate::is_reserved(event)) {
        return Err(format!(
            "a handler of the event {reserved:?} on {name:?}, a name that Socket.IO keeps for itself; it is a hook"
        ));
    }
    let events = namespace.events.into_iter().collect();
    Ok(NamespaceRegistration { name: name.into(), hooks, events, all_events: namespace.all_events })
}
