//! Builds the server out of its modules and runs it until a signal ends it. There are no globals: a module is given what it
//! needs.

mod admin;
mod cluster;
mod metrics;
mod options;

mod reload;
mod server;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::slice;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::AbortHandle;

use crate::adapter::Adapter;
use crate::admin::TokenError;
use crate::auth::Keys;
use crate::cluster::start_cluster;
use crate::config::{self, CompilePlace, ComponentCache, Config, Finding, KeyConfig, PluginConfig, Wasm};
use crate::dispatch::{self, Dispatcher, ServerEventDispatch};
use crate::drain::{self, Received, Signals};
use crate::effect::{LocalEffects, Publisher};
use crate::engine::Engine;
use crate::event_loops::{EventLoops, Threads};
use crate::fixed_limits::LISTEN_BACKLOG;
use crate::generations::{self, Generations, GenerationsTask, Shelf};
use crate::host_names::HostNames;
use crate::internal::{self, Interface, Missing, Status};
use crate::limit_hits::LimitHits;
use crate::node::NodeName;
use crate::plugin::{
    self, CacheFolder, Candidate, CompileLimits, Compiler, EngineError, HostServices, LoadProblem, Loaded, Plugin, PluginError,
    Registry, Version, WasmEngines,
};
use crate::protocol::SocketIo;
use crate::redis_link::Commands;
use crate::store::{self, LazyStore, StoreError};
use crate::telemetry::LogParts;

use metrics::Sources;
use options::{connection_limits, engine_options};

pub(crate) use cluster::redis_store;
pub(crate) use reload::ReadAgain;
pub(crate) use server::Server;

pub(crate) use crate::plugin::{CompileLimits as ChildLimits, MemoryLayout, compile_component};

/// How long the end of the server waits for what still runs: in blocking threads (a compilation), or a guest that computes.
pub(crate) const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(1);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    /// What the configuration names cannot be used; never empty.
    #[error("{} problems of keys and plugins", .0.len())]
    Refused(Vec<Finding>),

    /// The one plugin that is tried.
    #[error(transparent)]
    Plugin(#[from] PluginError),

    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error(transparent)]
    Store(#[from] StoreError),

    #[error("plugin {plugin:?} needs the store: {source}")]
    StoreOf { plugin: String, source: StoreError },

    #[error(
        "{address} is in use by another program; choose another port with {}port in [{section}] of innkeeper.toml",
        flag(section)
    )]
    InUse { address: SocketAddr, section: &'static str },

    #[error("cannot listen on {address}: {source}; see host and port in [{section}] of innkeeper.toml")]
    Listen { address: SocketAddr, section: &'static str, source: io::Error },

    #[error(transparent)]
    Token(#[from] TokenError),

    #[error("cannot receive signals: {0}")]
    Signals(io::Error),

    #[error("cannot start the threads for connections (event_loops in [server] of innkeeper.toml): {0}")]
    Threads(io::Error),
}

/// The flag that chooses the port of a section, where there is one.
fn flag(section: &str) -> &'static str {
    if section == "server" { "--port or " } else { "" }
}

/// Runs the server. Returns when a signal has ended it. `read_again`: reads the configuration again, for SIGHUP. `ready` is called when
/// it serves.
pub(crate) async fn run(
    mut config: Config,
    read_again: ReadAgain,
    log: LogParts,
    ready: impl FnOnce(Generations),
) -> Result<(), AppError> {
    let mut signals = Signals::register().map_err(AppError::Signals)?;
    let listener = listen((config.server.host, config.server.port).into(), "server")?;
    let internal_listener = match &config.internal {
        internal if internal.enabled => Some(listen((internal.host, internal.port).into(), "internal")?),
        _ => None,
    };
    let limit_hits = Arc::new(LimitHits::default());
    let threads = Threads::start(config.server.event_loops()).map_err(AppError::Threads)?;
    let sources = Arc::new(OnceLock::new());
    let admin = Arc::new(admin::starting(&config, log.plugins.clone(), limit_hits.clone())?);
    let page = {
        let (sources, admin, queue) = (sources.clone(), admin.clone(), log.queue.clone());
        move || metrics::page(sources.get(), &queue, &admin)
    };
    let status = Status::starting(page);
    if let Some(listener) = internal_listener {
        tracing::info!(address = address_of(&listener), "internal interface listening");
        let interface = Interface {
            host_names: HostNames::new(&config.internal.hosts, config.internal.host),
            keep_alive: config.server.keep_alive,
            status: status.clone(),
            admin: admin.clone(),
            limit_hits: limit_hits.clone(),
        };
        // From here on, so that a start that takes long can be seen. Ends with the runtime: it has nothing that could be lost.
        tokio::spawn(internal::serve(listener, interface));
    }
    let server = tokio::select! {
        // Compiling and starting plugins can take long. What runs of it when a signal comes is dropped.
        built = build(&config, store_of(&config), threads.loops().clone(), limit_hits) => built?,
        () = signals.first() => {
            tracing::info!("shut down before the start was over");
            return Ok(());
        }
    };
    let engine = server.engine.clone();
    admin.set_ready(admin::sources(&server));
    let _set_once = sources.set(server.sources.clone());
    tracing::info!(address = address_of(&listener), node = %server.sources.services.node, "listening");
    // Ends with the runtime.
    tokio::spawn(engine.clone().relieve_outboxes());
    // Ends with `refuse_new`, which the drain calls.
    threads.accept(engine.clone().serve(listener.into_std().map_err(AppError::Threads)?)).map_err(AppError::Threads)?;
    let generations = server.generations.clone();
    let (redis, redis_is_required) = (server.sources.clone(), config.redis.required_for_ready);
    let missing = move || Missing {
        plugins: generations.not_loaded(),
        redis_down_s: cluster::down(redis.cluster.as_ref(), redis.commands.as_ref()),
        redis_is_required,
    };
    status.set_ready(Box::new(missing), engine.shutting_down());
    ready(server.generations.clone());
    let mut watching = watch_files(&config, &server.generations);
    while let Received::HangUp = signals.next().await {
        watching.iter().for_each(AbortHandle::abort);
        tokio::select! {
            () = reload::reload(&server, &mut config, &read_again) => {
                admin.set_limits(admin::limits(&config));
                log.filter.choose(&config.log.filter);
                watching = watch_files(&config, &server.generations);
            }
            // A component may take long to compile.
            () = signals.first() => break,
        }
    }
    drain::drain(&engine, config.limits.drain_deadline, &mut signals).await;
    let _all_ended = threads.end(LEFTOVERS_DEADLINE);
    Ok(())
}

/// Watches the components of the configuration. Ends with the runtime, or when it is aborted.
fn watch_files(config: &Config, generations: &Generations) -> Option<AbortHandle> {
    let plugins = config.plugins.iter().map(|plugin| (plugin.name.clone(), plugin.component.clone())).collect();
    let watching = || generations::watch(plugins, config.limits.component_bytes_max, generations.clone());
    config.generations.watch.then(|| tokio::spawn(watching()).abort_handle())
}

fn listen(address: SocketAddr, section: &'static str) -> Result<TcpListener, AppError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let listening = socket.and_then(|socket| {
        // A server that starts again does not wait for the connections of the one before to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(LISTEN_BACKLOG)
    });
    listening.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => AppError::InUse { address, section },
        _ => AppError::Listen { address, section, source },
    })
}

/// The address that a listener has. With port 0 the system chose it.
fn address_of(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
}

pub(crate) fn store_of(config: &Config) -> LazyStore {
    let store = &config.store;
    LazyStore::new(config.store_path(), store.seed.clone(), &store.memory, store.memory_bytes_max)
        .with_quotas(store.file_bytes_max, store.bucket_bytes_max)
}

/// Finds what is wrong with the keys, the components and the seed that the configuration names. Nothing is opened for it but those.
pub(crate) async fn check(config: &Config) -> Result<(), AppError> {
    let (services, findings) = services(config, node_of(config), Arc::default(), store_of(config), None);
    let engines = engines(config)?;
    let (_, problems) = plugin::register(candidates(config, &services, &engines), &[], &services.keys.load()).await;
    refuse_for(findings, &problems)
}

/// Loads the plugins and puts the modules together, from the adapter outwards. `limit_hits`: the counters of what no plugin hits.
pub(crate) async fn build(
    config: &Config,
    store: LazyStore,
    loops: EventLoops,
    limit_hits: Arc<LimitHits>,
) -> Result<Server, AppError> {
    let adapter = Arc::new(Adapter::default());
    let node = node_of(config);
    let (commands, store) = cluster::with_redis(config, node, store).await;
    let (services, findings) = services(config, node, adapter.clone(), store, commands.as_ref());
    let engines = engines(config)?;
    let candidates = candidates(config, &services, &engines);
    let plugins: Vec<_> = candidates.iter().map(|candidate| (candidate.plugin().clone(), candidate.config().clone())).collect();
    let registered = register(config, candidates, &services.keys.load(), findings).await?;
    if config.store.path.is_some() || config.store.seed.is_some() {
        services.store.get().await?;
    }
    let mut loaded = Vec::new();
    for version in registered {
        let of = |source| AppError::StoreOf { plugin: version.name().to_string(), source };
        loaded.push(version.generation().await.map_err(of)?);
    }
    let serving = |loaded: &Loaded| (loaded.runner.clone(), loaded.version.registration().namespaces.clone());
    let registry = Arc::new(Registry::new(&loaded.iter().map(serving).collect::<Vec<_>>()));
    let namespaces = registry.namespaces();
    tracing::debug!(?namespaces, "namespaces registered");
    // Namespaces exist from the start, because a plugin may emit to one that has had no socket yet.
    adapter.set_fixed(&namespaces);
    metrics::name_events(&adapter, &registry);
    let limits = &config.limits;
    let cluster = cluster::cluster(config, node, &limit_hits);
    let publisher = cluster.clone().map(|cluster| cluster as Arc<dyn Publisher>);
    let effects = Arc::new(LocalEffects::new(limits.rooms_per_socket_max, publisher, limit_hits.clone()));
    let dispatch_limits =
        dispatch::DispatchLimits { open_calls: limits.open_calls_per_socket, open_acks: limits.open_acks_per_socket_max };
    let dispatcher = Arc::new(Dispatcher {
        registry: registry.clone(),
        effects: effects.clone(),
        limits: dispatch_limits,
        limit_hits: limit_hits.clone(),
    });
    let parts = generations::Parts {
        dispatcher: dispatcher.clone(),
        adapter: adapter.clone(),
        services: services.clone(),
        engines,
        limits: config.limits.clone(),
        settings: config.generations.clone(),
        shelf: Arc::new(Shelf::open(config.generations_folder(), config.generations.kept)),
        // Without a configuration the plugins are those of this repository, and nothing is left in the current folder.
        keeps_first: config.file.is_some(),
        lock: config.lock.clone(),
        after_switch: {
            let (adapter, registry) = (adapter.clone(), registry.clone());
            Box::new(move || metrics::name_events(&adapter, &registry))
        },
    };
    let (mut task, generations) = GenerationsTask::new(parts, plugins, loaded);
    // Before the plugins start, which may ask other nodes.
    if let Some(cluster) = &cluster {
        let (listed, node) = (generations.clone(), services.node);
        let describe = Box::new(move || cluster::describe(node, &listed));
        let events = Arc::new(ServerEventDispatch::new(registry.clone()));
        start_cluster(cluster, loops.last(), adapter.clone(), effects.clone(), events, describe);
    }
    task.start().await;
    // Ends with the runtime.
    tokio::spawn(task.serve());
    let socket_io = Arc::new(SocketIo::new(dispatcher, adapter.clone(), connection_limits(config), limit_hits.clone()));
    let engine = Engine::new(engine_options(config, node, &limit_hits), socket_io.clone(), limit_hits.clone(), loops);
    let sources = Arc::new(Sources {
        engine: engine.clone(),
        adapter,
        registry,
        limit_hits,
        services,
        generations: generations.clone(),
        cluster,
        commands,
    });
    Ok(Server { engine, sources, generations, socket_io, effects })
}

/// What a component returns when it registers, in a trial instance without grants.
pub(crate) enum Requests {
    /// The capabilities that it requests, as an operator grants them.
    Capabilities(Vec<String>),
    /// It cannot work with this configuration; the message is its own.
    Refused(String),
    /// It has none of the exports of a plugin.
    NoExports,
}

/// Tries a plugin. The error says why no host could load it.
pub(crate) async fn requests(mut plugin: PluginConfig) -> Result<Requests, AppError> {
    plugin.limits.instances_max = 1;
    // What the author has just built on this machine needs no process of its own.
    let wasm = Wasm { compile: CompilePlace::Inside, ..Wasm::default() };
    let config = Config { plugins: vec![plugin], wasm, ..Config::default() };
    let (services, _) = services(&config, node_of(&config), Arc::default(), store_of(&config), None);
    let engines = engines(&config)?;
    let (_, problems) = plugin::register(candidates(&config, &services, &engines), &[], &services.keys.load()).await;
    match problems.into_iter().next() {
        None => Ok(Requests::Capabilities(Vec::new())),
        // Without a grant it is the first problem of a plugin that registered.
        Some(PluginError { problem: LoadProblem::NotGranted { missing, .. }, .. }) => Ok(Requests::Capabilities(missing)),
        Some(PluginError { problem: LoadProblem::Refused { message }, .. }) => Ok(Requests::Refused(message)),
        // So does one that panics, or takes too long, over what it was not given.
        Some(PluginError { problem: problem @ LoadProblem::Register { .. }, .. }) => Ok(Requests::Refused(problem.to_string())),
        Some(PluginError { problem: LoadProblem::NoExports { .. }, .. }) => Ok(Requests::NoExports),
        Some(other) => Err(other.into()),
    }
}

/// What plugins reach, and what is wrong with the files for it.
fn services(
    config: &Config,
    node: NodeName,
    adapter: Arc<Adapter>,
    store: LazyStore,
    commands: Option<&Arc<Commands>>,
) -> (Arc<HostServices>, Vec<Finding>) {
    let (keys, mut findings) = keys(config);
    if let Some(Err(error)) = config.store.seed.as_deref().map(store::check_seed) {
        findings.push(Finding::new("store.seed", error.to_string()));
    }
    findings.extend(cluster::finding(&config.redis));
    let shared_limits = commands.map(|commands| cluster::shared_limits(commands, config));
    let requests_timeout = config.redis.url.is_some().then_some(config.redis.requests_timeout);
    let (keys, compiler) = (ArcSwap::from_pointee(keys), Arc::new(compiler(config)));
    (Arc::new(HostServices { adapter, store, keys, compiler, node, requests_timeout, shared_limits }), findings)
}

/// The name of this node. Without random bytes it has one that others may have too, and no client can connect either.
fn node_of(config: &Config) -> NodeName {
    config.server.node.or_else(NodeName::random).unwrap_or(NodeName::of_bytes([0; 3]))
}

/// Registers the plugins. All problems of all of them are found, and added to the findings. Those of a plugin that is not required are
/// logged instead, and it is left out.
async fn register(
    config: &Config,
    candidates: Vec<Candidate>,
    keys: &Keys,
    mut findings: Vec<Finding>,
) -> Result<Vec<Arc<Version>>, AppError> {
    let (mut registered, problems) = plugin::register(candidates, &[], keys).await;
    let allowed = |version: &Arc<Version>| {
        let lock = config.lock.as_ref()?;
        let why = lock.allows(version.name(), version.digest()).err()?;
        Some(Finding::new(&format!("plugins.{}.component", version.name()), why))
    };
    findings.extend(registered.iter().filter_map(allowed));
    let is_required = |name: &str| config.plugins.iter().any(|plugin| plugin.name == name && plugin.required);
    let (fatal, left_out): (Vec<_>, Vec<_>) = problems.into_iter().partition(|error| is_required(&error.plugin));
    refuse_for(findings, &fatal)?;
    for PluginError { plugin, problem } in &left_out {
        tracing::error!(plugin, "the plugin is not loaded, and the server starts without it (required = false): {problem}");
    }
    registered.retain(|version| left_out.iter().all(|error| error.plugin != **version.name()));
    Ok(registered)
}

fn refuse_for(mut findings: Vec<Finding>, problems: &[PluginError]) -> Result<(), AppError> {
    findings.extend(problems.iter().map(finding));
    if findings.is_empty() { Ok(()) } else { Err(AppError::Refused(findings)) }
}

fn engines(config: &Config) -> Result<Arc<WasmEngines>, EngineError> {
    WasmEngines::start(config.wasm.instance_allocation, config.wasm.guest_threads())
}

/// The plugins of the configuration.
fn candidates(config: &Config, services: &Arc<HostServices>, engines: &Arc<WasmEngines>) -> Vec<Candidate> {
    let candidate = |configured: &PluginConfig| {
        let plugin = Plugin::new(&configured.name, &config.limits, engines.clone(), services.clone());
        Candidate::new(Arc::new(plugin), Arc::new(configured.clone()), &config.limits)
    };
    config.plugins.iter().map(candidate).collect()
}

/// All keys, or what is wrong with each of them.
fn keys(config: &Config) -> (Keys, Vec<Finding>) {
    if let Ok(keys) = Keys::load(&config.keys) {
        return (keys, Vec::new());
    }
    let problem = |key: &KeyConfig| {
        let error = Keys::load(slice::from_ref(key)).err()?.to_string();
        let what = error.strip_prefix(&format!("keys.{}: ", key.name)).unwrap_or(&error);
        Some(Finding::new(&config::path_of(&["keys", &key.name]), what))
    };
    (Keys::default(), config.keys.iter().filter_map(problem).collect())
}

fn finding(error: &PluginError) -> Finding {
    let (key, what) = error.problem.placed();
    let table = format!("plugins.{}", error.plugin);
    let finding = match key.as_str() {
        "" => Finding::new(&table, what),
        key => Finding::new(&format!("{table}.{key}"), what),
    };
    match &error.problem {
        // Where the key itself cannot be used, that is the one problem.
        LoadProblem::NoKey { key } => finding.because_of(config::path_of(&["keys", key])),
        _ => finding,
    }
}

fn compiler(config: &Config) -> Compiler {
    let limits = CompileLimits { memory_bytes: config.limits.compile_memory_bytes_max, cpu: config.limits.compile_time_max };
    Compiler::new(&cache(&config.wasm.cache), config.wasm.compile, limits)
}

fn cache(configured: &ComponentCache) -> CacheFolder {
    match configured {
        ComponentCache::Off => CacheFolder::Off,
        ComponentCache::Folder(folder) => CacheFolder::At(folder.clone()),
        ComponentCache::OfUser => user_cache().map_or(CacheFolder::Unknown, CacheFolder::At),
    }
}

/// The folder of compiled components in the home directory, if there is one.
fn user_cache() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    cache.is_absolute().then(|| cache.join("innkeeper").join("components"))
}
