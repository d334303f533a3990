//! Logs which sockets connect and disconnect on `/` and `/chat`: the smallest example of hooks.

use innkeeper_plugin::{Plugin, Result, Socket, config, export, log};
use serde::Deserialize;

/// There is nothing to configure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

fn plugin() -> Result<Plugin> {
    let Config {} = config()?;
    let plugin = Plugin::new()
        .namespace("/")
        .connection(connected)
        .disconnect(disconnected)
        .namespace("/chat")
        .connection(connected)
        .disconnect(disconnected);
    Ok(plugin)
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
