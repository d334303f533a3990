//! Logs which sockets connect and disconnect, on each of its namespaces: the smallest example of hooks.
//!
//! ```toml
//! [plugins.audit]
//! component = "target/innkeeper/audit.wasm"
//! namespaces = ["/", "/chat"]                    # allowed to it
//! config = { namespaces = ["/", "/chat"] }       # the default
//! ```

use innkeeper_plugin::{Namespaces, Plugin, Result, Socket, config, export, log};
use serde::Deserialize;

fn plugin() -> Result<Plugin> {
    let Config { namespaces } = config()?;
    let hooks = |plugin: Plugin, name: &str| plugin.namespace(name).connection(connected).disconnect(disconnected);
    Ok(namespaces.iter().fold(Plugin::new(), hooks))
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    namespaces: Namespaces,
}

impl Default for Config {
    fn default() -> Self {
        Self { namespaces: ["/", "/chat"].into() }
    }
}

fn connected(socket: &Socket) {
    log::info(format_args!("Connected: {}", socket.id()));
}

fn disconnected(socket: &Socket, reason: &str) {
    log::info(format_args!("Disconnected: {}, {reason}", socket.id()));
}

export!(plugin);

#[cfg(test)]
mod tests;
