//! Namespaces by pattern, as the configuration names them. Sockets of `/` get an event for each socket that comes and goes.

use innkeeper_plugin::{Plugin, Reply, Result, Socket, config, export, io, of_pattern};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    patterns: Vec<String>,
    /// Namespaces by name.
    names: Vec<String>,
}

fn plugin() -> Result<Plugin> {
    let Config { patterns, names } = config()?;
    let plugin = names.into_iter().fold(Plugin::new().on("announce", announce), |plugin, name| serve(plugin.namespace(name)));
    Ok(patterns.into_iter().fold(plugin, |plugin, text| serve(plugin.namespace_pattern(text))))
}

fn serve(plugin: Plugin) -> Plugin {
    plugin
        .connection(|socket: &Socket| {
            socket.join("all")?;
            // Not every plugin of a chain serves `/`.
            let _denied = io().emit("came", (socket.namespace(), socket.id()));
            socket.emit("welcome", &config::<Config>()?.patterns)
        })
        .disconnect(|socket: &Socket| {
            let _denied = io().emit("went", (socket.namespace(), socket.id()));
        })
        .on("who", |socket: &Socket| Ok::<_, innkeeper_plugin::Error>(Reply(socket.nsp().to("all").local().ids()?)))
        .on("shout", |socket: &Socket, word: String| socket.nsp().emit("shout", word))
        .on("announce", announce)
}

/// To all namespaces of the first pattern.
fn announce(_socket: &Socket, word: String) -> Result<Reply<bool>> {
    match config::<Config>()?.patterns.first() {
        Some(pattern) => of_pattern(pattern).emit("announced", word)?,
        None => return Ok(Reply(false)),
    }
    Ok(Reply(true))
}

export!(plugin);
