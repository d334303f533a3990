//! The families of `/metrics`: each number is read where it arises. `docs/metrics.md` lists them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::adapter::{Adapter, Namespace};
use crate::admin::Admin;
use crate::cluster::{Cluster, ClusterFigures};
use crate::engine::Engine;
use crate::event_loops::EventLoops;
use crate::fixed_limits::METRIC_NAMES_MAX;
use crate::generations::{Generations, PluginView};
use crate::limit_hits::LimitHits;
use crate::metrics::{self, EventCounters, Labels, Page};
use crate::plugin::{Figures, HostServices, Registry};
use crate::redis_link::{CommandFigures, Commands};
use crate::telemetry::LogQueue;

/// The label of the namespaces without one of their own.
const OTHER: &str = "other";

/// What the page reads.
pub(crate) struct Sources {
    pub(super) engine: Arc<Engine>,
    pub(super) adapter: Arc<Adapter>,
    pub(crate) registry: Arc<Registry>,
    pub(super) limit_hits: Arc<LimitHits>,
    pub(super) services: Arc<HostServices>,
    pub(super) generations: Generations,
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// For the store and limits of rate.
    pub(super) commands: Option<Arc<Commands>>,
}

/// The page of `/metrics`. Without sources the server is starting.
pub(super) fn page(sources: Option<&Arc<Sources>>, log: &Arc<LogQueue>, admin: &Arc<Admin>) -> String {
    let (sources, log, admin) = (sources.cloned(), log.clone(), admin.clone());
    metrics::page(Arc::new(move |page: &mut Page<'_>| {
        of_program(page, &log)?;
        page.counter(
            "innkeeper_admin_requests",
            "Requests to the admin interface, by the status of their response.",
            admin.counted().into_iter().map(|(status, requests)| (vec![("status", status)], requests)).collect(),
        )?;
        let Some(sources) = &sources else { return Ok(()) };
        of_sessions(page, &sources.engine)?;
        of_loops(page, sources.engine.loops())?;
        of_namespaces(page, &sources.adapter)?;
        of_store(page, &sources.services)?;
        if let Some(cluster) = &sources.cluster {
            of_cluster(page, &cluster.figures(), sources.commands.as_ref().map(|commands| commands.figures()))?;
        }
        if let Some(limits) = &sources.services.shared_limits {
            page.counter(
                "innkeeper_rate_limit_without_redis",
                "Questions about limits of rate that Redis did not answer; rate_limit_on_failure says what was answered.",
                vec![(Labels::new(), limits.unanswered())],
            )?;
        }
        of_generations(page, &sources.generations)?;
        of_plugins(page, sources)
    }))
}

/// Gives the events of the registrations labels of their own: the first of each plugin, by namespace and name.
pub(super) fn name_events(adapter: &Adapter, registry: &Registry) {
    let mut named: HashMap<Arc<str>, usize> = HashMap::new();
    for namespace in adapter.namespaces().into_iter().filter(|namespace| !namespace.is_made()) {
        let Some(chain) = registry.serving(&namespace) else { continue };
        let mut names: Vec<Box<str>> = Vec::new();
        for member in &chain.members {
            let named = named.entry(member.plugin.name().clone()).or_default();
            let before = names.len();
            names.extend(member.registration.event_labels().take(METRIC_NAMES_MAX - *named).map(Into::into));
            *named += names.len() - before;
        }
        namespace.events().name(names, METRIC_NAMES_MAX);
    }
}

fn of_generations(page: &mut Page<'_>, generations: &Generations) -> fmt::Result {
    let plugins = generations.list();
    let number = |plugin: &PluginView| plugin.generation.as_ref().map_or(0.0, |generation| number(generation.number));
    let of_each = |value: &dyn Fn(&PluginView) -> f64| {
        plugins.iter().map(|plugin| (vec![("plugin", plugin.name.as_str())], value(plugin))).collect()
    };
    page.gauge("innkeeper_plugin_generation", "The generation that serves; 0: none does.", of_each(&number))?;
    page.gauge(
        "innkeeper_plugin_probation",
        "Whether the generation that serves is still watched.",
        of_each(&|plugin| if plugin.status == "probation" { 1.0 } else { 0.0 }),
    )?;
    page.counter(
        "innkeeper_plugin_rollbacks",
        "Generations that were taken back because they did worse than the one before.",
        plugins.iter().map(|plugin| (vec![("plugin", plugin.name.as_str())], plugin.rollbacks)).collect(),
    )
}

fn of_commands(page: &mut Page<'_>, figures: &CommandFigures) -> fmt::Result {
    let one = |count: u64| vec![(Labels::new(), count)];
    page.counter(
        "innkeeper_redis_timeouts",
        "Questions of the store and of limits of rate that Redis did not answer in time.",
        one(figures.timeouts),
    )?;
    page.counter(
        "innkeeper_redis_refusals",
        "Questions of them that Redis refused, out of memory for one.",
        one(figures.refused),
    )?;
    page.counter(
        "innkeeper_redis_breaker_opened",
        "How often Redis was found not to answer, and was asked no more.",
        one(figures.opened),
    )?;
    page.counter_of_seconds(
        "innkeeper_redis_breaker_open_seconds",
        "For how long Redis was not asked.",
        vec![(Labels::new(), figures.open_time.as_secs_f64())],
    )
}

fn of_cluster(page: &mut Page<'_>, figures: &ClusterFigures, commands: Option<CommandFigures>) -> fmt::Result {
    let with = |name: &'static str, samples: &[(&'static str, u64)]| {
        samples.iter().map(|(label, count)| (vec![(name, *label)], *count)).collect::<Vec<_>>()
    };
    let up = figures.up.iter().copied().chain(commands.as_ref().map(|commands| (Commands::NAME, commands.is_up)));
    page.gauge(
        "innkeeper_redis_up",
        "Whether the connection to Redis stands.",
        up.map(|(name, up)| (vec![("connection", name)], f64::from(u8::from(up)))).collect(),
    )?;
    if let Some(commands) = &commands {
        of_commands(page, commands)?;
    }
    page.counter("innkeeper_redis_connects", "Connections to Redis that were made.", with("connection", &figures.connects))?;
    page.counter("innkeeper_cluster_messages", "Messages of the adapter over Redis.", with("direction", &figures.messages))?;
    page.counter("innkeeper_cluster_bytes", "Bytes of those messages.", with("direction", &figures.bytes))?;
    page.counter(
        "innkeeper_cluster_messages_dropped",
        "Messages for other nodes that were not sent, by reason: too many waited, for too long, or their connection failed.",
        with("reason", &figures.dropped),
    )?;
    page.counter(
        "innkeeper_cluster_messages_ignored",
        "Messages of others that were malformed, or beyond a bound.",
        vec![(Labels::new(), figures.ignored)],
    )?;
    page.gauge(
        "innkeeper_cluster_waiting_bytes",
        "Bytes that wait to be published.",
        vec![(Labels::new(), number(figures.waiting_bytes as u64))],
    )?;
    page.gauge(
        "innkeeper_cluster_other_nodes",
        "Other nodes, as many as there were when they were last asked something.",
        vec![(Labels::new(), f64::from(figures.others))],
    )
}

fn of_program(page: &mut Page<'_>, log: &LogQueue) -> fmt::Result {
    let build = vec![("version", env!("CARGO_PKG_VERSION"))];
    page.gauge("innkeeper_build_info", "The program; always 1.", vec![(build, 1.0)])?;
    page.counter(
        "innkeeper_log_lines_dropped",
        "Lines of the log that could not be written, or were not read in time.",
        vec![(Labels::new(), log.dropped())],
    )
}

fn of_sessions(page: &mut Page<'_>, engine: &Engine) -> fmt::Result {
    let sessions = engine.counters();
    page.gauge(
        "innkeeper_connections",
        "Connections of Engine.IO that are open, by transport.",
        sessions.open().into_iter().map(|(transport, open)| (vec![("transport", transport)], number(open))).collect(),
    )?;
    page.counter(
        "innkeeper_connections_opened",
        "Connections that were opened, by the transport of their handshake.",
        sessions.all_opened().into_iter().map(|(transport, opened)| (vec![("transport", transport)], opened)).collect(),
    )?;
    page.counter(
        "innkeeper_connections_upgraded",
        "Connections that went from polling to websocket.",
        vec![(Labels::new(), sessions.all_upgraded())],
    )?;
    let closed = sessions.all_closed().into_iter();
    page.counter(
        "innkeeper_connections_closed",
        "Connections that were closed, by transport and reason.",
        closed.map(|(transport, reason, closed)| (vec![("transport", transport), ("reason", reason)], closed)).collect(),
    )?;
    page.gauge(
        "innkeeper_sessions",
        "Connections that are open, and those whose last handlers still run.",
        vec![(Labels::new(), size(engine.connections()))],
    )?;
    page.gauge(
        "innkeeper_http_connections",
        "TCP connections that no websocket has taken over, and websockets that are being closed.",
        vec![(Labels::new(), size(engine.streams()))],
    )?;
    page.gauge(
        "innkeeper_outbox_bytes",
        "Bytes that wait for clients, of all connections together.",
        vec![(Labels::new(), size(engine.waiting_bytes()))],
    )
}

fn of_loops(page: &mut Page<'_>, loops: &EventLoops) -> fmt::Result {
    let names: Vec<_> = (0..loops.iter().count()).map(|number| number.to_string()).collect();
    let named = || names.iter().map(|name| vec![("loop", name.as_str())]).zip(loops.iter());
    page.gauge(
        "innkeeper_event_loop_sessions",
        "Sessions of each event loop.",
        named().map(|(labels, event_loop)| (labels, size(event_loop.sessions()))).collect(),
    )?;
    page.histogram(
        "innkeeper_event_loop_delay_seconds",
        "How late each event loop comes to what is due, measured four times a second.",
        named().map(|(labels, event_loop)| (labels, event_loop.delays())).collect(),
    )
}

fn of_namespaces(page: &mut Page<'_>, adapter: &Adapter) -> fmt::Result {
    let mut namespaces = adapter.namespaces();
    // By pattern clients name them, so these have no labels of their own.
    namespaces.sort_by_key(|namespace| namespace.is_made());
    let fixed = namespaces.iter().filter(|namespace| !namespace.is_made()).count();
    let (named, others) = namespaces.split_at(fixed.min(METRIC_NAMES_MAX));
    let of_each = |count: fn(&Namespace) -> usize| {
        let named = named.iter().map(|namespace| (vec![("namespace", namespace.name())], size(count(namespace))));
        let rest = (!others.is_empty()).then(|| others.iter().map(|namespace| count(namespace)).sum());
        named.chain(rest.map(|rest| (vec![("namespace", OTHER)], size(rest)))).collect()
    };
    page.gauge("innkeeper_sockets", "Sockets that are connected, by namespace.", of_each(Namespace::sockets))?;
    page.gauge("innkeeper_rooms", "Rooms that have members, by namespace.", of_each(Namespace::rooms))?;
    let (mut received, mut delivered) = (Vec::new(), Vec::new());
    let counted: Vec<_> = named.iter().map(|namespace| (namespace.name(), namespace.events().counted())).collect();
    for (namespace, counted) in &counted {
        for (event, was_received, was_delivered) in counted {
            let labels = vec![("namespace", *namespace), ("event", event)];
            received.push((labels.clone(), *was_received));
            delivered.push((labels, *was_delivered));
        }
    }
    let made = sum(adapter.made_events());
    if !others.is_empty() || made != (0, 0) {
        let sums = others.iter().filter(|namespace| !namespace.is_made()).map(|namespace| sum(namespace.events())).chain([made]);
        let (was_received, was_delivered) = sums.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        let labels = vec![("namespace", OTHER), ("event", OTHER)];
        received.push((labels.clone(), was_received));
        delivered.push((labels, was_delivered));
    }
    page.counter(
        "innkeeper_events_received",
        "Events of clients, by namespace and event; those that no plugin registered are \"other\".",
        received,
    )?;
    page.counter("innkeeper_events_delivered", "Events of plugins, once for each socket that they were sent to.", delivered)
}

fn of_store(page: &mut Page<'_>, services: &HostServices) -> fmt::Result {
    let (file, memory) = services.store.bytes();
    let kinds = [("file", file), ("memory", u64::try_from(memory).ok())];
    let kinds = kinds.into_iter().filter_map(|(kind, bytes)| Some((vec![("kind", kind)], number(bytes?))));
    page.gauge("innkeeper_store_bytes", "Bytes of the store's file, and of its buckets in memory.", kinds.collect())
}

fn of_plugins(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let plugins = sources.registry.plugins();
    let plugins: Vec<(&str, Figures<'_>)> =
        plugins.iter().filter_map(|plugin| Some((&**plugin.name(), plugin.figures()?))).collect();
    let mut durations = Vec::new();
    let mut failures = Vec::new();
    let mut hits: Vec<_> =
        sources.limit_hits.counted().into_iter().map(|(limit, hits)| (vec![("limit", limit), ("plugin", "")], hits)).collect();
    for (plugin, figures) in &plugins {
        let (plugin, calls) = (*plugin, figures.calls);
        let plugin_labels = || vec![("plugin", plugin), ("generation", calls.generation())];
        for (export, event, histogram) in calls.durations() {
            let mut labels = plugin_labels();
            labels.extend([("export", export), ("event", event)]);
            durations.push((labels, histogram));
        }
        for (kind, count) in calls.failures() {
            let mut labels = plugin_labels();
            labels.push(("kind", kind));
            failures.push((labels, count));
        }
        let counted = figures.limit_hits.counted().into_iter();
        hits.extend(counted.map(|(limit, hits)| (vec![("limit", limit), ("plugin", plugin)], hits)));
    }
    page.histogram("innkeeper_handler_duration_seconds", "How long calls of plugins took, waiting included.", durations)?;
    page.counter("innkeeper_call_failures", "Calls that failed, by kind.", failures)?;
    page.counter(
        "innkeeper_limit_hits",
        "How often a limit was hit, by its key in the configuration or its constant; without a plugin, limits of clients and of the host.",
        hits,
    )?;
    of_running(page, &plugins)?;
    page.gauge(
        "innkeeper_timers",
        "Timers that are set.",
        plugins.iter().map(|(plugin, figures)| (vec![("plugin", *plugin)], size(figures.timers))).collect(),
    )?;
    page.gauge(
        "innkeeper_rate_limit_keys",
        "Keys of rate limits whose windows are open.",
        plugins.iter().map(|(plugin, figures)| (vec![("plugin", *plugin)], size(figures.rate_limit_keys))).collect(),
    )?;
    page.gauge(
        "innkeeper_plugin_bytes",
        "Bytes that the host holds for the calls of a plugin: writes that have not left, and answers that were not taken.",
        plugins.iter().map(|(plugin, figures)| (vec![("plugin", *plugin)], size(figures.held_bytes))).collect(),
    )
}

fn of_running(page: &mut Page<'_>, plugins: &[(&str, Figures<'_>)]) -> fmt::Result {
    let of_each = |value: fn(&Figures<'_>) -> f64| {
        plugins.iter().map(|(plugin, figures)| (vec![("plugin", *plugin)], value(figures))).collect::<Vec<_>>()
    };
    let states = plugins.iter().flat_map(|(plugin, figures)| {
        let instances = &figures.instances;
        let states = [("running", instances.running), ("waiting", instances.waiting), ("idle", instances.idle)];
        states.map(|(state, count)| (vec![("plugin", *plugin), ("state", state)], size(count)))
    });
    page.gauge("innkeeper_instances", "Instances, by state.", states.collect())?;
    page.gauge("innkeeper_calls_waiting", "Calls that wait for an instance.", of_each(|figures| size(figures.instances.queued)))?;
    page.counter_of_seconds(
        "innkeeper_plugin_run_seconds",
        "How long calls of a plugin ran, on all threads.",
        of_each(|figures| figures.run_time.as_secs_f64()),
    )?;
    page.gauge(
        "innkeeper_plugin_share",
        "Seconds of each second that a plugin ran in the last tenth of a second; beyond 0.2 its calls run on guest threads.",
        of_each(|figures| figures.share_used),
    )?;
    page.gauge(
        "innkeeper_guest_threads_queue",
        "Calls that wait for a guest thread.",
        of_each(|figures| size(figures.guest_thread_queue)),
    )?;
    let moves = plugins.iter().map(|(plugin, figures)| (vec![("plugin", *plugin)], figures.guest_thread_moves));
    page.counter("innkeeper_guest_threads_moves", "Calls that moved to a guest thread.", moves.collect())
}

fn sum(events: &EventCounters) -> (u64, u64) {
    events.counted().into_iter().fold((0, 0), |(all_received, all_delivered), (_, received, delivered)| {
        (all_received + received, all_delivered + delivered)
    })
}

#[expect(clippy::cast_precision_loss, reason = "gauges of Prometheus are floating point")]
fn number(value: u64) -> f64 {
    value as f64
}

fn size(value: usize) -> f64 {
    number(u64::try_from(value).unwrap_or(u64::MAX))
}
