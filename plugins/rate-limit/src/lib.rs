//! Limits how often each socket, user and address connects and emits, on `/` and `/chat`: connecting costs a point, and so does each event.
//!
//! Beyond the limit a client that connects is refused with `Rate limit exceeded`, and an event with the code `RATE_LIMITED`; both
//! have `retryAfterMs` in their data. Users are those of the plugin `auth`: load it before this one.
//!
//! ```toml
//! [plugins.rate-limit]
//! component = "target/innkeeper/rate-limit.wasm"
//! grants = ["rate-limit"]
//! config = { points = 100, window_ms = 60000, per = ["socket", "user", "address"] }     # the defaults
//! ```
//!
//! Behind a proxy every client has the proxy's address: leave `address` out there.

use std::time::Duration;

use innkeeper_plugin::rate_limit::{Limit, consume};
use innkeeper_plugin::{Error, Event, Plugin, Result, Socket, config_once, export};
use serde::Deserialize;
use serde_json::{Value, json};

fn plugin() -> Result<Plugin> {
    config_once::<Config>()?.check()?;
    let plugin = Plugin::new()
        .capability("rate-limit")
        .namespace("/")
        .connect_middleware(consume_point)
        .middleware(|socket: &Socket, _: &mut Event| consume_point(socket))
        .namespace("/chat")
        .connect_middleware(consume_point)
        .middleware(|socket: &Socket, _: &mut Event| consume_point(socket));
    Ok(plugin)
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    points: u32,
    window_ms: u64,
    per: Vec<Per>,
}

/// Whose points are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Per {
    Socket,
    User,
    Address,
}

impl Default for Config {
    fn default() -> Self {
        Self { points: 100, window_ms: 60_000, per: vec![Per::Socket, Per::User, Per::Address] }
    }
}

impl Config {
    /// Checks the configuration. The message is for the operator.
    fn check(&self) -> Result<()> {
        if self.points == 0 {
            return Err("config: points: with 0 every client is refused; give at least 1".into());
        }
        if self.window_ms == 0 {
            return Err("config: window_ms: a window of 0 ms counts nothing; give at least 1".into());
        }
        if self.per.is_empty() {
            return Err("config: per: an empty list limits nothing; name \"socket\", \"user\" or \"address\"".into());
        }
        Ok(())
    }
}

fn consume_point(socket: &Socket) -> Result<()> {
    let Config { points, window_ms, per } = config_once::<Config>()?;
    let limit = Limit { points: *points, window: Duration::from_millis(*window_ms) };
    for per in per {
        let Some(key) = key(socket, *per)? else { continue };
        let decision = consume(&key, 1, limit)?;
        if !decision.allowed {
            return Err(exceeded(decision.before_next));
        }
    }
    Ok(())
}

/// The key of the points. None if there is no such thing: a socket without authentication has no user.
fn key(socket: &Socket, per: Per) -> Result<Option<String>> {
    Ok(match per {
        Per::Socket => Some(format!("socket:{}", socket.id())),
        Per::User => socket.data::<Value>("user")?.and_then(|user| user_key(&user)),
        Per::Address => Some(format!("address:{}", socket.address()?)),
    })
}

fn user_key(user: &Value) -> Option<String> {
    match user.get("id")? {
        Value::String(id) => Some(format!("user:{id}")),
        Value::Number(id) => Some(format!("user:{id}")),
        _ => None,
    }
}

fn exceeded(before_next: Duration) -> Error {
    let data = json!({"retryAfterMs": u64::try_from(before_next.as_millis()).unwrap_or(u64::MAX)});
    Error::new("Rate limit exceeded").code("RATE_LIMITED").data(&data)
}

export!(plugin);

#[cfg(test)]
mod tests;
