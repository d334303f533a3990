//! From the file as written to the configuration as meant.
//!
//! Sections in the order of [`Config`]; each key has its range here and its reason in the struct's comment. At the end come
//! the checks between keys, which only make sense on resolved values.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::file::{Reader, Section};
use super::mistake::Mistakes;

use super::server::{origin, origins};
use super::value::{Given, Wrong, boolean, bytes, count, duration, host, port};
use super::{Config, Environment, Flags, Internal, KeyConfig, Limits, Origins, PluginConfig, Secret};
use super::{keys, plugins, server};

/// Where a length of time may lie: short enough for tests, at most a day.
pub(super) const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);
const COUNTS: RangeInclusive<usize> = 1..=10_000_000;
pub(super) const BYTES: RangeInclusive<usize> = 1_024..=4 << 30;

pub(super) fn from_text(file: &Path, source: &str, environment: Environment<'_>, flags: Flags) -> Result<Config, Mistakes> {
    let mut reader = Reader::new(file, source, environment);
    let table = reader.parse();
    let mut root = Section::root(table.get_ref());
    let mut config = Config { file: Some(file.to_owned()), ..Config::default() };
    server::read(&mut reader, &mut root, &mut config.server);
    internal(&mut reader, &mut root, &mut config.internal);
    limits(&mut reader, &mut root, &mut config.limits);
    config.keys = keys::read(&mut reader, &mut root, file);
    config.plugins = plugins::read(&mut reader, &mut root, file);
    reader.close(root);
    overlay(&mut reader, &mut config, flags);
    between(&mut reader, &config);
    reader.finish(config)
}

pub(super) fn built_in(plugins: Vec<PluginConfig>, environment: Environment<'_>, flags: Flags) -> Result<Config, Mistakes> {
    let mut reader = Reader::new(Path::new("the built-in configuration"), "", environment);
    let mut config = Config { plugins, ..Config::default() };
    config.keys.extend(default_key(&mut reader));
    overlay(&mut reader, &mut config, flags);
    between(&mut reader, &config);
    reader.finish(config)
}

/// Without a file, `JWT_SECRET` is the key `default`.
fn default_key(reader: &mut Reader<'_>) -> Option<KeyConfig> {
    let secret = reader.variable("JWT_SECRET")?;
    if let Err(wrong) = keys::check_secret(&secret) {
        reader.wrong_variable("JWT_SECRET", wrong);
    }
    Some(KeyConfig::secret("default", Secret::new(secret)))
}

/// An address as a flag gives it.
pub(crate) fn host_of(text: &str) -> Result<IpAddr, String> {
    host(&Given::variable(text.to_owned())).map_err(|wrong| wrong.to_string())
}

fn internal(reader: &mut Reader<'_>, root: &mut Section<'_>, into: &mut Internal) {
    let mut section = reader.section(root, "internal");
    reader.set(&mut section, "enabled", &mut into.enabled, boolean);
    reader.set(&mut section, "host", &mut into.host, host);
    reader.set(&mut section, "port", &mut into.port, port);
    reader.close(section);
}

fn limits(reader: &mut Reader<'_>, root: &mut Section<'_>, into: &mut Limits) {
    let mut section = reader.section(root, "limits");
    let sizes: [(&'static str, &mut usize); 5] = [
        ("outbox_bytes_max", &mut into.outbox_bytes_max),
        ("inbound_high_bytes", &mut into.inbound_high_bytes),
        ("inbound_max_bytes", &mut into.inbound_max_bytes),
        ("write_bytes_per_call_max", &mut into.write_bytes_per_call_max),
        ("data_bytes_max", &mut into.data_bytes_max),
    ];
    for (name, target) in sizes {
        reader.set(&mut section, name, target, bytes(BYTES));
    }
    let counts: [(&'static str, &mut usize); 10] = [
        ("inbound_high_events", &mut into.inbound_high_events),
        ("inbound_max_events", &mut into.inbound_max_events),
        ("attachments_max", &mut into.attachments_max),
        ("namespaces_per_connection_max", &mut into.namespaces_per_connection_max),
        ("writes_per_call_max", &mut into.writes_per_call_max),
        ("open_calls_per_socket", &mut into.open_calls_per_socket),
        ("rooms_per_socket_max", &mut into.rooms_per_socket_max),
        ("open_acks_per_socket_max", &mut into.open_acks_per_socket_max),
        ("log_lines_per_call_max", &mut into.log_lines_per_call_max),
        ("rate_limit_keys_max", &mut into.rate_limit_keys_max),
    ];
    for (name, target) in counts {
        reader.set(&mut section, name, target, count(COUNTS));
    }
    reader.set(&mut section, "drain_deadline", &mut into.drain_deadline, duration(DURATIONS));
    reader.close(section);
}

/// Environment and flags over the file.
fn overlay(reader: &mut Reader<'_>, config: &mut Config, flags: Flags) {
    if let Some(port) = from_variable(reader, "INNKEEPER_PORT", port) {
        config.server.port = port;
    }
    if let Some(host) = from_variable(reader, "INNKEEPER_HOST", host) {
        config.server.host = host;
    }
    if let Some(urls) = reader.variable("CLIENT_URL") {
        let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty());
        let read = urls.map(|url| origin(&Given::variable(url.to_owned())));
        match read.collect() {
            Ok(list) => config.server.cors.origins = origins(list),
            Err(wrong) => reader.wrong_variable("CLIENT_URL", wrong),
        }
    }
    config.server.port = flags.port.unwrap_or(config.server.port);
    config.server.host = flags.host.unwrap_or(config.server.host);
}

fn from_variable<T>(reader: &mut Reader<'_>, name: &str, read: fn(&Given) -> Result<T, Wrong>) -> Option<T> {
    let given = Given::variable(reader.variable(name)?);
    read(&given).map_err(|wrong| reader.wrong_variable(name, wrong)).ok()
}

/// What no key alone can tell.
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
            reader.wrong(key, Wrong::new(problem, "lower the first or raise the second"));
        }
    }
    let any = server.cors.origins == Origins::Any;
    if any && server.cors.credentials {
        let remedy = "list the origins; browsers refuse credentials for \"*\"";
        reader.wrong("server.cors.credentials", Wrong::new("true does not go with every origin", remedy));
    }
    let internal = &config.internal;
    if internal.enabled && internal.port != 0 && internal.port == server.port {
        let key = if reader.has("internal.port") { "internal.port" } else { "server.port" };
        let problem = format!("both listeners would have port {}", server.port);
        reader.wrong(key, Wrong::new(problem, "give [server] and [internal] a port each, or 0 for a free one"));
    }
}
