//! Logs which sockets connect and disconnect on `/` and `/chat`: the smallest example of hooks.

use innkeeper_plugin::{NoConfig, Plugin, Result, Socket, config, export, log};

fn plugin() -> Result<Plugin> {
    let NoConfig {} = config()?;
    Ok(Plugin::new()
        .namespace("/")
        .connection(connected)
        .disconnect(disconnected)
        .namespace("/chat")
        .connection(connected)
        .disconnect(disconnected))
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
