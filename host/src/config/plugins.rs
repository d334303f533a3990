//! `[plugins.<name>]`: a component, its grants and namespaces, its limits, and the configuration that it reads.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use innkeeper_contract::defaults;

use super::field::BYTES;
use super::field::Field::{Boolean, Bytes, Count, Custom, Duration as Time};
use super::grants::{GRANTS_KIND, grant, namespace};
use super::key_spec::KeySpec;
use super::paths::{beside, existing_file, shown};
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, once, text};

const DEADLINES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3_600);
/// From one page of Wasm memory to all that 32 bits reach.
const MEMORY: RangeInclusive<usize> = 64 << 10..=4 << 30;

/// `[plugins.<name>]`.
pub(super) const KEYS: &[KeySpec<PluginConfig>] = &[
    KeySpec::new(
        "component",
        |plugin: &mut PluginConfig| Custom { kind: "file, relative to the configuration", value: shown(&plugin.component) },
        "the file of the plugin, as `innkeeper build` makes it; the one key that is required",
    )
    .example("\"my-plugin.wasm\""),
    KeySpec::new(
        "required",
        |plugin: &mut PluginConfig| Boolean(&mut plugin.required),
        "whether the server starts only with this plugin. If false, a plugin that does not load is an error in the log, and the others serve; its namespaces are then as if it were not configured, so never choose that for a plugin that guards one",
    ),
    KeySpec::new(
        "grants",
        |plugin: &mut PluginConfig| Custom { kind: GRANTS_KIND, value: Some(plugin.grants.as_slice().into()) },
        "capabilities that the plugin gets if it requests them; a plugin that requests one without the grant is not loaded",
    ),
    KeySpec::new(
        "namespaces",
        |plugin: &mut PluginConfig| Custom {
            kind: "list of namespaces",
            value: plugin.namespaces.as_deref().map(Into::into),
        },
        "the only namespaces that the plugin may serve, a pattern by its own text; which of them it does serve, its code decides. Several plugins may share a namespace only if each of them has this key, and a pattern shares what it matches; without it, any that no other plugin serves",
    )
    .example("[\"/\", \"/chat\"]"),
    KeySpec::new(
        "instances_max",
        |plugin: &mut PluginConfig| Count(&mut plugin.limits.instances_max, 1..=100_000),
        "instances that run at once; a call beyond them waits for a free one. A call runs for microseconds, and counts for waiting_max while it waits",
    ),
    KeySpec::new(
        "waiting_max",
        |plugin: &mut PluginConfig| Count(&mut plugin.limits.waiting_max, 0..=100_000),
        "calls that wait (for acks, the store, a sleep) beside those that run, each with its instance, which keeps its memory; beyond them a call that waits counts for instances_max. More than the acks that one address can keep open, so that acks that never come stop nobody",
    ),
    KeySpec::new(
        "shared_instances",
        |plugin: &mut PluginConfig| Count(&mut plugin.limits.shared_instances, 1..=64),
        "instances of a plugin of mode `shared`. With one, its variables are those of all its clients, as in one process of Node; with more, each connection stays with one instance, as in Node's cluster",
    ),
    KeySpec::new(
        "open_calls_max",
        |plugin: &mut PluginConfig| Count(&mut plugin.limits.open_calls_max, 1..=1_000_000),
        "calls of a plugin of mode `shared` that one instance has at once, those that wait in it included; a call beyond them waits for one to end",
    ),
    KeySpec::new(
        "memory_bytes_max",
        |plugin: &mut PluginConfig| Bytes(&mut plugin.limits.memory_bytes_max, MEMORY),
        "memory of one instance, all linear memories and tables of its modules together; Python needs 16 MiB at least, and all instances together must fit the machine",
    ),
    KeySpec::new(
        "store_bytes_max",
        |plugin: &mut PluginConfig| Bytes(&mut plugin.limits.store_bytes_max, BYTES),
        "keys and values in the store's file, in all buckets that the plugin's grants name together, or in all of the file where they name none; beyond it the plugin's writes are refused that would add bytes",
    ),
    KeySpec::new(
        "run_ms",
        |plugin: &mut PluginConfig| Time(&mut plugin.limits.run_deadline, DEADLINES),
        "how long a call may compute before it is ended; waiting does not count",
    ),
    KeySpec::new(
        "call_ms",
        |plugin: &mut PluginConfig| Time(&mut plugin.limits.call_deadline, DEADLINES),
        "how long a call may take with all its waiting",
    ),
    KeySpec::new(
        "config",
        |plugin: &mut PluginConfig| Custom { kind: "table", value: serde_json::from_str(&plugin.config).ok() },
        "the configuration that the plugin reads; the host does not look inside",
    )
    .example("{ greeting = \"hello\" }"),
];

/// One plugin of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginConfig {
    /// The name of its table: letters, digits, `-` and `_`; stands in logs and metrics.
    pub name: String,
    /// The component's file. It existed when the configuration was read.
    pub component: PathBuf,
    /// Whether the server starts only with this plugin.
    pub required: bool,
    /// Capabilities that the plugin gets if it requests them: `store`, or narrower, `store:users`. Each is well formed.
    pub grants: Vec<String>,
    /// The only namespaces that the plugin may serve. `None`: any that no other plugin serves.
    pub namespaces: Option<Vec<String>>,
    /// The limits of the plugin.
    pub limits: PluginLimits,
    /// `[plugins.<name>.config]` as a JSON object, `{}` if there is none. The host does not look inside.
    pub config: String,
}

/// The limits of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// Instances at once; a call beyond them waits for a free one.
    pub instances_max: usize,
    /// Calls that wait at once beside those that run.
    pub waiting_max: usize,
    /// Instances of a plugin of mode `shared`.
    pub shared_instances: usize,
    /// Calls that are open at once in one of them.
    pub open_calls_max: usize,
    /// Bytes of all linear memories and tables of one instance.
    pub memory_bytes_max: usize,
    /// Bytes in the store's file, in all buckets that the plugin may use.
    pub store_bytes_max: usize,
    /// How long a call may compute before it is ended; waiting does not count. Key `run_ms`.
    pub run_deadline: Duration,
    /// How long a call may take with all its waiting. Key `call_ms`.
    pub call_deadline: Duration,
}

impl PluginConfig {
    /// A plugin of which a file names only the component: default limits, no grants, no configuration.
    pub(crate) fn new(name: &str, component: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            component,
            required: true,
            grants: Vec::new(),
            namespaces: None,
            limits: PluginLimits::default(),
            config: "{}".to_owned(),
        }
    }
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            instances_max: 64,
            waiting_max: 256,
            shared_instances: 1,
            open_calls_max: 10_000,
            memory_bytes_max: 64 << 20,
            store_bytes_max: 1 << 30,
            run_deadline: Duration::from_millis(500),
            call_deadline: defaults::CALL,
        }
    }
}

/// Every plugin of the file, in its order.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path) -> Vec<PluginConfig> {
    let parent = reader.section(root, "plugins");
    let sections = reader.named(&parent);
    let mut plugins = Vec::new();
    for (name, mut section) in sections {
        if let Err(problem) = check_name(name) {
            reader.problem(&parent.key(name), problem);
        }
        plugins.push(plugin(reader, &parent.key(name), name, &mut section, file));
        reader.close(section);
    }
    plugins
}

fn plugin(reader: &mut Reader<'_>, path: &str, name: &str, section: &mut Section<'_>, file: &Path) -> PluginConfig {
    let mut into = PluginConfig::new(name, PathBuf::new());
    reader.read(section, KEYS, &mut into);
    // Without one that is not required the server starts as well; the load reports it.
    let is_required = into.required;
    reader.set(section, "component", &mut into.component, |raw| match is_required {
        true => component(raw, file),
        false => text(raw).map(|written| beside(file, &written)),
    });
    if section.is_there() && !reader.has(&format!("{path}.component")) {
        let remedy = "add component = \"<file>.wasm\"";
        reader.problem(path, Problem::new("the key `component` is missing", remedy));
    }
    if let Some(entry) = reader.entry(section, "grants") {
        let mut seen = Vec::new();
        into.grants = reader.items(&entry, |raw| once(&mut seen, grant(raw)?));
    }
    if let Some(entry) = reader.entry(section, "namespaces") {
        let (mut seen, mut is_empty) = (Vec::new(), true);
        let names = reader.items(&entry, |raw| {
            is_empty = false;
            once(&mut seen, namespace(raw)?)
        });
        if is_empty {
            let remedy = "name one, or leave the key out";
            reader.problem(&entry.key, Problem::new("the list names no namespace", remedy));
        }
        into.namespaces = Some(names);
    }
    deadlines(reader, path, &into.limits);
    if let Some(entry) = reader.entry(section, "config") {
        // Opened for its check only: that it is a table.
        if reader.is_table(&entry) {
            into.config = reader.json(&entry).to_string();
        }
    }
    into
}

fn deadlines(reader: &mut Reader<'_>, path: &str, limits: &PluginLimits) {
    if limits.run_deadline > limits.call_deadline {
        let (run, call) = (format!("{path}.run_ms"), format!("{path}.call_ms"));
        let problem = format!("`run_ms` ({:?}) is above `call_ms` ({:?})", limits.run_deadline, limits.call_deadline);
        let key = if reader.has(&run) { run } else { call };
        reader.problem(&key, Problem::new(problem, "lower the first or raise the second"));
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if (1..=64).contains(&name.len()) && name.chars().all(plain) {
        return Ok(());
    }
    let remedy = "use 1 to 64 letters, digits, `-` and `_`";
    Err(Problem::new(format!("{name:?} cannot name a plugin"), remedy))
}

fn component(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    let remedy = "build it (`innkeeper build <its folder>`) or correct the path, which is relative to the configuration";
    existing_file(file, &text(raw)?, remedy)
}
