//! The way from the file as written to the configuration: every section, then environment and flags, then the checks.
//!
//! Sections in the order of [`Config`], each by its table of keys. At the end come the checks between keys, which only make
//! sense on resolved values.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::configuration::Config;
use super::cors::{Origins, origin, origins};
use super::key_source::{Secret, check_secret};
use super::key_spec::KeySpec;
use super::keys::{self, KeyConfig};
use super::lock_file::LockFile;
use super::plugins::{self, PluginConfig};
use super::problem::{Finding, PlacedProblem, Problem, Problems, is_in, with_findings};
use super::reader::{Reader, Section};
use super::sources::{Override, Sources};
use super::toml_text::path_of;
use super::value::{RawValue, duration, host};
use super::variables::Environment;
use super::{adapter, generations, internal, limits, log, schema, server, store, wasm};
use crate::text_file;

/// The place of what no file says.
const BUILT_IN: &str = "the built-in configuration";

/// The flags of the command line that override file and environment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) host: Option<IpAddr>,
    pub(crate) port: Option<u16>,
}

/// A configuration, and where each of its values came from.
pub(crate) struct Resolved {
    pub(crate) config: Config,
    pub(crate) sources: Sources,
}

/// A file that was read, with its problems. What they concern has its default.
pub(crate) struct Reading {
    resolved: Resolved,
    problems: Vec<PlacedProblem>,
}

impl Config {
    /// Reads a file, then the environment and the flags over it.
    pub(crate) fn load(file: &Path, environment: Environment<'_>, flags: Flags) -> Result<Self, Problems> {
        Resolved::load(file, environment, flags).map(|resolved| resolved.config)
    }

    /// The configuration for a start without a file: defaults, environment and flags, and these plugins. The caller vouches for
    /// them: they are built from this repository.
    pub(crate) fn built_in(plugins: Vec<PluginConfig>, environment: Environment<'_>, flags: Flags) -> Result<Self, Problems> {
        Resolved::built_in(plugins, environment, flags).map(|resolved| resolved.config)
    }
}

impl Reading {
    /// Reads a file, then the environment and the flags over it. Fails only if there is no text to read.
    pub(crate) fn of(file: &Path, environment: Environment<'_>, flags: Flags) -> Result<Self, Problems> {
        match text_file::read(file) {
            Ok(text) => Ok(read(file, &text, environment, flags)),
            Err(error) => Err(Problems::unreadable(file, &error)),
        }
    }

    /// The configuration, if nothing was wrong, neither in the file nor with what it names.
    pub(crate) fn with(self, findings: Vec<Finding>) -> Result<Resolved, Problems> {
        let problems = with_findings(self.problems, findings, &self.resolved.sources);
        Problems::or(problems, self.resolved)
    }

    /// Adds what does not fit the lock file beside the configuration. With it no other component is loaded later.
    pub(crate) fn locked(mut self) -> Self {
        let Some(file) = &self.resolved.config.file else { return self };
        match LockFile::read(file) {
            Ok(lock) => {
                let (unknown, findings) = lock.problems(&self.resolved.config.plugins);
                self.problems.extend(unknown);
                self.problems = with_findings(self.problems, findings, &self.resolved.sources);
                self.resolved.config.lock = Some(lock);
            }
            Err(problem) => self.problems.push(problem),
        }
        self
    }

    /// Whether nothing was wrong in the file.
    pub(crate) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// The configuration without the plugins whose own tables have problems: the rest can be checked further.
    pub(crate) fn checkable(&self) -> Config {
        let mut config = self.resolved.config.clone();
        let is_sound = |plugin: &PluginConfig| {
            let table = path_of(&["plugins", &plugin.name]);
            !self.problems.iter().any(|problem| is_in(&table, &problem.key))
        };
        config.plugins.retain(is_sound);
        config
    }
}

impl From<Resolved> for Reading {
    fn from(resolved: Resolved) -> Self {
        Self { resolved, problems: Vec::new() }
    }
}

/// A configuration that no file says.
impl From<Config> for Resolved {
    fn from(config: Config) -> Self {
        Self { config, sources: Sources { file: BUILT_IN.to_owned(), ..Sources::default() } }
    }
}

impl Resolved {
    /// As [`Config::load`].
    pub(crate) fn load(file: &Path, environment: Environment<'_>, flags: Flags) -> Result<Self, Problems> {
        Reading::of(file, environment, flags)?.with(Vec::new())
    }

    /// As [`Config::built_in`].
    pub(crate) fn built_in(plugins: Vec<PluginConfig>, environment: Environment<'_>, flags: Flags) -> Result<Self, Problems> {
        let mut reader = Reader::new(Path::new(BUILT_IN), "", environment, schema::known);
        let mut config = Config { plugins, ..Config::default() };
        config.keys.extend(default_key(&mut reader));
        config.redis.url = adapter::from_variable(&mut reader);
        if config.redis.url.is_some() {
            reader.over("adapter.redis.url", Override::Variable(adapter::VARIABLE));
        }
        overlay(&mut reader, &mut config, flags);
        between(&mut reader, &config);
        let (sources, problems) = reader.finish();
        Problems::or(problems, Resolved { config, sources })
    }
}

#[cfg(test)]
pub(super) fn from_text(file: &Path, source: &str, environment: Environment<'_>, flags: Flags) -> Result<Resolved, Problems> {
    read(file, source, environment, flags).with(Vec::new())
}

fn read(file: &Path, source: &str, environment: Environment<'_>, flags: Flags) -> Reading {
    let mut reader = Reader::new(file, source, environment, schema::known);
    let table = reader.parse();
    let mut root = Section::root(table.get_ref());
    let mut config = Config { file: Some(file.to_owned()), ..Config::default() };
    server::read(&mut reader, &mut root, file, &mut config.server);
    internal::read(&mut reader, &mut root, file, &mut config.internal);
    let mut section = reader.section(&mut root, "limits");
    reader.read(&mut section, limits::KEYS, &mut config.limits);
    reader.close(section);
    store::read(&mut reader, &mut root, file, &mut config.store);
    adapter::read(&mut reader, &mut root, file, &mut config.redis);
    log::read(&mut reader, &mut root, &mut config.log);
    generations::read(&mut reader, &mut root, file, &mut config.generations);
    wasm::read(&mut reader, &mut root, file, &mut config.wasm);
    config.keys = keys::read(&mut reader, &mut root, file);
    config.plugins = plugins::read(&mut reader, &mut root, file);
    reader.close(root);
    overlay(&mut reader, &mut config, flags);
    between(&mut reader, &config);
    let (sources, problems) = reader.finish();
    Reading { resolved: Resolved { config, sources }, problems }
}

/// Without a file, `JWT_SECRET` is the key `default`.
fn default_key(reader: &mut Reader<'_>) -> Option<KeyConfig> {
    let secret = reader.variable("JWT_SECRET")?;
    if let Err(problem) = check_secret(secret.as_bytes()) {
        reader.variable_problem("JWT_SECRET", problem);
    }
    reader.over("keys.default.secret", Override::Variable("JWT_SECRET"));
    Some(KeyConfig::secret("default", Secret::new(secret)))
}

/// An address as a flag gives it.
pub(crate) fn host_of(text: &str) -> Result<IpAddr, String> {
    host(&RawValue::variable(text.to_owned())).map_err(|problem| problem.to_string())
}

/// A length of time as a flag gives it, from a second to ten years.
pub(crate) fn duration_of(text: &str) -> Result<Duration, String> {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    let range = Duration::from_secs(1)..=YEAR.saturating_mul(10);
    duration(range)(&RawValue::variable(text.to_owned())).map_err(|problem| problem.to_string())
}

/// Environment and flags over the file.
fn overlay(reader: &mut Reader<'_>, config: &mut Config, flags: Flags) {
    for key in server::KEYS {
        from_variable(reader, "server", key, &mut config.server);
    }
    if let Some(urls) = reader.variable("CLIENT_URL") {
        let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty());
        let read = urls.map(|url| origin(&RawValue::variable(url.to_owned())));
        match read.collect() {
            Ok(list) => config.server.cors.origins = origins(list),
            Err(problem) => reader.variable_problem("CLIENT_URL", problem),
        }
        reader.over("server.cors.origin", Override::Variable("CLIENT_URL"));
    }
    if let Some(path) = reader.variable(internal::TOKEN_FILE_VARIABLE) {
        // Of a variable a path is relative to the current directory.
        match internal::token_file(&RawValue::variable(path), Path::new("")) {
            Ok(path) => config.internal.token_file = Some(path),
            Err(problem) => reader.variable_problem(internal::TOKEN_FILE_VARIABLE, problem),
        }
        reader.over("internal.token_file", Override::Variable(internal::TOKEN_FILE_VARIABLE));
    }
    if let Some(port) = flags.port {
        config.server.port = port;
        reader.over("server.port", Override::Flag("--port"));
    }
    if let Some(host) = flags.host {
        config.server.host = host;
        reader.over("server.host", Override::Flag("--host"));
    }
}

/// Sets a key from its environment variable, if it has one.
fn from_variable<T>(reader: &mut Reader<'_>, section: &str, key: &KeySpec<T>, into: &mut T) {
    let name = key.variable;
    let Some(text) = Some(name).filter(|name| !name.is_empty()).and_then(|name| reader.variable(name)) else {
        return;
    };
    if let Err(problem) = (key.field)(into).read(&RawValue::variable(text)) {
        reader.variable_problem(name, problem);
    }
    reader.over(&format!("{section}.{}", key.name), Override::Variable(name));
}

/// The checks between keys.
fn between(reader: &mut Reader<'_>, config: &Config) {
    let (server, limits) = (&config.server, &config.limits);
    let ordered = [
        ("limits.inbound_high_events", limits.inbound_high_events, "limits.inbound_max_events", limits.inbound_max_events),
        ("limits.inbound_high_bytes", limits.inbound_high_bytes, "limits.inbound_max_bytes", limits.inbound_max_bytes),
        ("server.max_http_buffer_size", server.max_http_buffer_size, "limits.inbound_max_bytes", limits.inbound_max_bytes),
        ("limits.write_bytes_per_call_max", limits.write_bytes_per_call_max, "limits.outbox_bytes_max", limits.outbox_bytes_max),
    ];
    for (low, low_value, high, high_value) in ordered {
        if low_value > high_value {
            let problem = format!("`{low}` ({low_value}) is above `{high}` ({high_value})");
            let key = if reader.has(low) { low } else { high };
            reader.problem(key, Problem::new(problem, "lower the first or raise the second"));
        }
    }
    let any = server.cors.origins == Origins::Any;
    if any && server.cors.credentials {
        let remedy = "list the origins; browsers refuse credentials for \"*\"";
        reader.problem("server.cors.credentials", Problem::new("true does not go with every origin", remedy));
    }
    store::between(reader, &config.store, config.redis.url.is_some());
    let internal = &config.internal;
    if internal.enabled && internal.port != 0 && internal.port == server.port {
        let key = if reader.has("internal.port") { "internal.port" } else { "server.port" };
        let problem = format!("both listeners would have port {}", server.port);
        reader.problem(key, Problem::new(problem, "give [server] and [internal] a port each, or 0 for a free one"));
    }
}
