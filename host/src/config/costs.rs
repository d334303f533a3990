//! What one client, one address and one plugin can cost at most with the limits of a configuration, in words for the operator.
//! `docs/security.md` explains the figures.

use std::fmt::{self, Display, Formatter};

use super::configuration::Config;
use super::plugins::PluginConfig;
use crate::fixed_limits::{STORE_WAITING_BYTES_MAX, TIMER_BYTES_MAX};

/// Bytes of an open window of a rate limit.
const RATE_LIMIT_KEY_BYTES: usize = 100;

/// A size as an operator writes it.
struct Bytes(usize);

impl Display for Bytes {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 10 << 30 => write!(out, "{} GiB", bytes >> 30),
            bytes if bytes >= 1 << 20 => write!(out, "{} MiB", bytes.div_ceil(1 << 20)),
            bytes => write!(out, "{} KiB", bytes.div_ceil(1 << 10)),
        }
    }
}

/// A line for one client, one address, all clients, and each plugin.
pub(crate) fn costs(config: &Config) -> Vec<String> {
    let limits = &config.limits;
    // A message of a websocket and a body of a POST that are not whole are in no queue yet.
    let client = limits.outbox_bytes_max + 2 * config.server.max_http_buffer_size + limits.request_head_bytes_max;
    let mut lines = vec![
        format!("a client: {} of memory", Bytes(client)),
        format!(
            "an address: {} connections and {} sessions, with {} of what waits for them",
            limits.connections_per_address_max,
            limits.sessions_per_address_max,
            Bytes(limits.waiting_bytes_per_address_max)
        ),
        format!(
            "all clients: {} connections, with {} of what waits for them",
            limits.connections_max,
            Bytes(limits.waiting_bytes_max)
        ),
    ];
    lines.extend(config.plugins.iter().map(|plugin| of_plugin(config, plugin)));
    lines
}

fn of_plugin(config: &Config, plugin: &PluginConfig) -> String {
    let (limits, own) = (&config.limits, &plugin.limits);
    let held =
        limits.plugin_bytes_max + TIMER_BYTES_MAX + STORE_WAITING_BYTES_MAX + limits.rate_limit_keys_max * RATE_LIMIT_KEY_BYTES;
    let instances = own.instances_max + own.waiting_max;
    format!(
        "the plugin {}: {} of memory beside its instances, which are {instances} of {} each; {:?} of computing a call; {} of the store; {} of \
         log a day",
        plugin.name,
        Bytes(held),
        Bytes(own.memory_bytes_max),
        own.run_deadline,
        Bytes(own.store_bytes_max),
        Bytes(limits.log_bytes_per_day_max)
    )
}

#[cfg(test)]
mod tests {
    use super::costs;
    use crate::config::Config;
    use crate::config::plugins::{PluginConfig, PluginLimits};

    /// The figures that docs/security.md promises for the defaults.
    #[test]
    fn the_defaults_cost_what_is_promised() {
        let plugin = PluginConfig {
            name: "chat".into(),
            component: "chat.wasm".into(),
            required: true,
            grants: Vec::new(),
            namespaces: None,
            limits: PluginLimits::default(),
            config: "{}".into(),
        };
        let config = Config { plugins: vec![plugin], ..Config::default() };
        assert_eq!(
            costs(&config),
            [
                "a client: 18 MiB of memory",
                "an address: 512 connections and 256 sessions, with 48 MiB of what waits for them",
                "all clients: 100000 connections, with 256 MiB of what waits for them",
                "the plugin chat: 232 MiB of memory beside its instances, which are 320 of 64 MiB each; 500ms of computing a call; \
                 1024 MiB of the store; 1024 MiB of log a day",
            ]
        );
    }
}
