//! Registers as many events as its configuration says, with names as long as it says.

use innkeeper_plugin::{Plugin, Reply, Socket, config, export};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    events: usize,
    /// Bytes of each name.
    bytes: usize,
}

fn plugin() -> Plugin {
    let Config { events, bytes } = config().unwrap_or_default();
    let name = |number: usize| format!("{number:09}{}", "x".repeat(bytes.saturating_sub(9)));
    let plugin = (0..events).fold(Plugin::new(), |plugin, number| plugin.on(name(number), |_: &Socket| Reply(true)));
    plugin.on("ready", |_: &Socket| Reply(true))
}

export!(plugin);
