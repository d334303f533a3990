//! Limits how often each address, user and socket connects and emits, on each of its namespaces: an event costs each of them a
//! point, and connecting costs the address and the user one.
//!
//! Beyond the limit a client that connects is refused with `Rate limit exceeded`, and an event with the code `RATE_LIMITED`;
//! both have `retryAfterMs` in their data. Points are taken from the address first, then from the user and the socket, and the
//! first that has none left ends it: what an address may not do costs nobody else a point. Of IPv6 a network of 64 bits counts
//! as one address.
//!
//! Users are those of the plugin `auth`, so users are counted behind it. Addresses are counted before it: else wrong tokens
//! cost nothing. The component is loaded twice:
//!
//! ```toml
//! [plugins.attempts]               # before auth
//! component = "target/innkeeper/rate-limit.wasm"
//! grants = ["rate-limit"]
//! namespaces = ["/", "/chat"]      # allowed to it
//! config = { per = ["address"] }
//!
//! [plugins.rate-limit]             # behind auth
//! component = "target/innkeeper/rate-limit.wasm"
//! grants = ["rate-limit"]
//! namespaces = ["/", "/chat"]
//! config = { per = ["user", "socket"] }
//! ```
//!
//! The other keys of `config`, with their defaults: `points = 100`, `window_ms = 60000`, `namespaces = ["/", "/chat"]`. Without
//! `per` all three are counted.
//!
//! Behind a proxy every client has the proxy's address, unless `trusted_proxies` in `[server]` names the proxy.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use innkeeper_plugin::rate_limit::{Limit, consume};
use innkeeper_plugin::{Error, Event, Id, Namespaces, Plugin, Result, Socket, config, config_once, export};
use serde::Deserialize;
use serde_json::{Map, Value, json};

fn plugin() -> Result<Plugin> {
    if let Some(seconds) = config::<Map<String, Value>>()?.get("duration") {
        return Err(in_milliseconds(seconds));
    }
    let config = config_once::<Config>()?;
    config.check()?;
    let plugin = Plugin::new().capability("rate-limit");
    Ok(config.namespaces.iter().fold(plugin, |plugin, name| {
        let limited = plugin.namespace(name).connect_middleware(|socket: &Socket| consume_point(socket, &AT_CONNECT));
        limited.middleware(|socket: &Socket, _: &mut Event| consume_point(socket, &AT_EVENTS))
    }))
}

/// The refusal of `duration`, the name in `rate-limiter-flexible`, where it counts seconds.
fn in_milliseconds(seconds: &Value) -> Error {
    let written = seconds.as_u64().map_or_else(|| "60000".to_owned(), |seconds| seconds.saturating_mul(1_000).to_string());
    Error::new(format!("config: duration: the length of the window is in milliseconds here; write window_ms = {written}"))
}

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    points: u32,
    window_ms: u64,
    per: Vec<Per>,
    namespaces: Namespaces,
}

/// Whose points are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Per {
    Address,
    User,
    Socket,
}

/// From the general to the particular.
const AT_EVENTS: [Per; 3] = [Per::Address, Per::User, Per::Socket];
/// A socket that is not connected has no key of its own: a client that is refused again and again would fill the table with
/// them.
const AT_CONNECT: [Per; 2] = [Per::Address, Per::User];

impl Default for Config {
    fn default() -> Self {
        let per = AT_EVENTS.to_vec();
        Self { points: 100, window_ms: 60_000, per, namespaces: ["/", "/chat"].into() }
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
            return Err("config: per: an empty list limits nothing; name \"address\", \"user\" or \"socket\"".into());
        }
        let is_twice = |per: &Per| self.per.iter().filter(|other| *other == per).count() > 1;
        if self.per.iter().any(is_twice) {
            return Err("config: per: a word that stands there twice costs two points; keep one of them".into());
        }
        Ok(())
    }
}

/// Takes a point from each of these that the configuration names, and stops at the first that has none left.
fn consume_point(socket: &Socket, counted: &[Per]) -> Result<()> {
    let Config { points, window_ms, per, .. } = config_once::<Config>()?;
    let limit = Limit { points: *points, window: Duration::from_millis(*window_ms) };
    for counted in counted.iter().filter(|counted| per.contains(counted)) {
        let Some(key) = key(socket, *counted)? else { continue };
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
        Per::Address => Some(address_key(&socket.address()?)),
        Per::User => socket.data::<Value>("user")?.and_then(|user| user_key(&user)),
        Per::Socket => Some(format!("socket:{}", socket.id())),
    })
}

/// Of IPv6 the first 64 bits: the smallest network has the others, so one client could come from a new address each time.
fn address_key(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => format!("address:{v4}"),
            None => format!("address:{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        },
        _ => format!("address:{address}"),
    }
}

fn user_key(user: &Value) -> Option<String> {
    let id = Id::deserialize(user.get("id")?).ok()?;
    Some(format!("user:{id}"))
}

fn exceeded(before_next: Duration) -> Error {
    let data = json!({"retryAfterMs": u64::try_from(before_next.as_millis()).unwrap_or(u64::MAX)});
    Error::new("Rate limit exceeded").code("RATE_LIMITED").data(&data)
}

export!(plugin);

#[cfg(test)]
mod tests;
