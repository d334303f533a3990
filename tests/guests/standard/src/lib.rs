//! One event for each part of the standard library that needs a system. Plugins should find the same in each of them, whichever
//! toolchain built them.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use innkeeper_plugin::{Plugin, Reply, Result, Socket, config_once, export, log, now_ms};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(default)]
struct Config {
    namespace: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { namespace: "/".to_owned() }
    }
}

fn plugin() -> Result<Plugin> {
    let plugin = Plugin::new().namespace(&config_once::<Config>()?.namespace);
    Ok(plugin.on("clocks", clocks).on("print", print).on("hash", hash).on("system", system).on("log", log_line))
}

/// How far the clock is from the host's, in milliseconds, and whether the monotonic clock advances.
fn clocks(_socket: &Socket) -> Result<Reply<Value>> {
    let begun = Instant::now();
    let time = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let off = now_ms().abs_diff(time);
    while begun.elapsed().is_zero() {}
    Ok(Reply(json!({"off": off, "advances": true})))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]
fn print(_socket: &Socket, text: String) -> Reply<bool> {
    println!("out: {text}");
    eprintln!("err: {text}");
    Reply(true)
}

fn log_line(_socket: &Socket, message: String, field: String) -> Reply<bool> {
    log::write("info", message, &[("field".to_owned(), field)]);
    Reply(true)
}

/// A hash whose seed belongs to the instance.
fn hash(_socket: &Socket) -> Reply<String> {
    Reply(RandomState::new().hash_one("key").to_string())
}

/// What a sandbox has none of.
fn system(_socket: &Socket) -> Reply<Value> {
    Reply(json!({
        "arguments": std::env::args().count(),
        "variables": std::env::vars().count(),
        "file": std::fs::read("/etc/passwd").is_ok(),
        "connection": std::net::TcpStream::connect("127.0.0.1:22").is_ok(),
    }))
}

export!(plugin);
