//! A host for a plugin's unit tests, in memory: `cargo test` runs them natively, without a server and without waiting.
//!
//! The test plays the clients. Whatever a client does, the plugins' calls run until each has ended or waits; then the test goes on. Time
//! stands still until [`Host::advance`] moves it: timers, sleeps, timeouts, the store's expiry and windows of rates all follow
//! that one clock. Nothing in it is random, so a test that passes once passes always.
//!
//! ```
//! use innkeeper_plugin::testing::Host;
//! use innkeeper_plugin::{Plugin, Reply, Result, Socket};
//! use serde_json::{Value, json};
//!
//! fn plugin() -> Plugin {
//!     Plugin::new().namespace("/chat").on("room:join", join)
//! }
//!
//! fn join(socket: &Socket, room: String) -> Result<Reply<Value>> {
//!     socket.join(&room)?;
//!     socket.to(&room).emit("user:joined", socket.id())?;
//!     Ok(Reply(json!({"success": true})))
//! }
//!
//! # // In a plugin this is a function with `#[test]`.
//! # fn who_joins_is_announced_to_the_others() -> Result<(), innkeeper_plugin::testing::ConnectError> {
//! let inn = Host::new(plugin);
//! let (alice, bob) = (inn.socket("/chat").connect()?, inn.socket("/chat").connect()?);
//!
//! bob.emit("room:join", "lobby");
//! let ack: Value = alice.emit_with_ack("room:join", "lobby");
//!
//! assert_eq!(ack, json!({"success": true}));
//! assert_eq!(bob.received(), [("user:joined", json!([alice.id()]))]);
//! # Ok(()) }
//! # who_joins_is_announced_to_the_others().unwrap();
//! ```
//!
//! What the host promises holds here too: a handler's writes leave together or not at all, a question first sends what was recorded, a
//! panic is an `INTERNAL_ERROR`. A plugin is granted what it asks for and refused what it did not ask for. Every call gets a new
//! instance, because the memory of a plugin is a cache; statics are the exception, since all tests of a process share them.
//!
//! Not here: polling, volatile emits (they always arrive), other nodes, outgoing HTTP, and the bounds on memory and running time: a
//! handler that computes for ever never gives the turn back.

mod call;
mod chain;
mod client;
mod host_state;
pub(crate) mod imports;
mod limits;
mod plugin;
mod queue;
mod random;
mod scheduler;
mod store;
mod timers;
mod write;

use crate::plugin::Plugin;
use host_state::HostState;
use scheduler::Scheduler;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use client::{Ack, Client, Connecting, Received};

/// 2026-01-01, in milliseconds since 1970.
const BORN_MS: u64 = 1_767_225_600_000;

/// A host in memory, with the plugins that are under test.
///
/// It begins (and calls what was given to [`Plugin::start`]) when it is first used; what is said about plugins has to be said before.
pub struct Host {
    shared: Arc<Scheduler>,
    /// Plugins, each with its configuration, until the host begins.
    plugins: Vec<(String, plugin::Make, Value)>,
    begun: Cell<bool>,
}

/// Why a client was not let in.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectError {
    /// `error.message`.
    pub message: String,
    /// `error.data`.
    pub data: Option<Value>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The plugin's name.
    pub plugin: String,
    /// What it says.
    pub message: String,
    /// What the plugin added.
    pub fields: Vec<(String, String)>,
}

/// A bucket of the store, to fill it and to look into it.
#[derive(Debug)]
pub struct Bucket<'a> {
    inn: &'a Host,
    name: String,
}

impl Host {
    /// A host with one plugin. It is given the function that makes it, as `export!` is, because every call gets a new one.
    pub fn new(plugin: impl Fn() -> Plugin + Send + Sync + 'static) -> Self {
        Self::chain().plugin("plugin", plugin)
    }

    /// A host without plugins, for several that form a chain.
    ///
    /// ```
    /// # use innkeeper_plugin::{Plugin, testing::Host};
    /// # fn auth() -> Plugin { Plugin::new() }
    /// # fn chat() -> Plugin { Plugin::new() }
    /// use serde_json::json;
    ///
    /// let inn = Host::chain().plugin("auth", auth).config(json!({"required": true})).plugin("chat", chat);
    /// ```
    pub fn chain() -> Self {
        let state = HostState {
            now: Duration::ZERO,
            born_ms: BORN_MS,
            random: random::Random::new(1),
            call_limit: limits::CALL_LIMIT,
            plugins: Vec::new(),
            timers: Vec::new(),
            windows: Vec::new(),
            own_call: Vec::new(),
            sockets: Vec::new(),
            questions: Vec::new(),
            store: store::Buckets::default(),
            tokens: BTreeMap::new(),
            log: Vec::new(),
            jobs: BTreeMap::new(),
            jobs_started: 0,
            closing: Vec::new(),
            connections: 0,
        };
        Self { shared: Scheduler::new(state), plugins: Vec::new(), begun: Cell::new(false) }
    }

    /// Adds a plugin behind the others.
    ///
    /// # Panics
    /// If the host has begun.
    #[must_use]
    pub fn plugin(mut self, name: &str, plugin: impl Fn() -> Plugin + Send + Sync + 'static) -> Self {
        assert!(!self.begun.get(), "plugins are added before a host is used");
        self.plugins.push((name.to_owned(), Arc::new(plugin), Value::Object(serde_json::Map::new())));
        self
    }

    /// The configuration of the plugin that was added last: what the operator writes in `[plugins.<name>.config]`.
    ///
    /// # Panics
    /// If the host has begun.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        assert!(!self.begun.get(), "a plugin is configured before its host is used");
        if let Some((_, _, last)) = self.plugins.last_mut() {
            *last = config;
        }
        self
    }

    /// What the clock shows at first, in milliseconds since 1970 (UTC); the first moment of 2026 if nothing is said.
    #[must_use]
    pub fn now(self, now_ms: u64) -> Self {
        self.shared.state().born_ms = now_ms;
        self
    }

    /// How long a call may take with all its waiting, the host's `call_ms`: 10 seconds if nothing is said.
    #[must_use]
    pub fn call_limit(self, limit: Duration) -> Self {
        self.shared.state().call_limit = limit;
        self
    }

    /// A client, to be connected to a namespace.
    pub fn socket(&self, namespace: &str) -> Connecting<'_> {
        Connecting::new(self, namespace)
    }

    /// Lets time pass. What falls due in it happens, each thing at its time.
    pub fn advance(&self, duration: Duration) {
        self.begun().advance(duration);
    }

    /// The time now, in milliseconds since 1970 (UTC).
    pub fn now_ms(&self) -> u64 {
        self.shared.state().now_ms()
    }

    /// What was logged, by the plugins and about them.
    pub fn log(&self) -> Vec<Line> {
        self.begun().state().log.clone()
    }

    /// A bucket of the store.
    pub fn store(&self, bucket: &str) -> Bucket<'_> {
        Bucket { inn: self, name: bucket.to_owned() }
    }

    /// Makes a token valid for a key, with these claims: the claims are all that a plugin sees. `exp` and `nbf` are kept to. Every
    /// other token is refused with the code `invalid`.
    ///
    /// ```
    /// # use innkeeper_plugin::{Plugin, testing::Host};
    /// # let inn = Host::new(Plugin::new);
    /// inn.token("default", "ann's token", serde_json::json!({"userId": "ann"}));
    /// ```
    pub fn token(&self, key: &str, token: &str, claims: Value) {
        self.shared.state().tokens.insert((key.to_owned(), token.to_owned()), claims);
    }

    /// The host ends: every client is disconnected with `server shutting down`.
    pub fn shut_down(&self) {
        let shared = self.begun();
        {
            let mut state = shared.state();
            for socket in 0..state.sockets.len() {
                state.disconnect(socket, queue::SERVER_SHUTTING_DOWN);
            }
        }
        shared.settle();
    }

    /// Loads the plugins and starts them, the first time.
    fn begun(&self) -> &Arc<Scheduler> {
        if !self.begun.replace(true) {
            for (name, make, config) in &self.plugins {
                self.load(name, make.clone(), config);
            }
            self.shared.begin();
        }
        &self.shared
    }

    #[expect(clippy::panic, reason = "it is a mistake in the plugin, and the test cannot go on")]
    fn load(&self, name: &str, make: plugin::Make, config: &Value) {
        let index = self.shared.state().plugins.len();
        let plugin = Arc::new(plugin::LoadedPlugin::new(index, name.to_owned(), make, config.to_string()));
        let registration = call::register(&self.shared, plugin.clone());
        let loaded = plugin.registered(registration).unwrap_or_else(|what| panic!("the plugin {name:?} {what}"));
        let mut state = self.shared.state();
        state.plugins.push(Arc::new(loaded));
        state.timers.push(timers::Timers::default());
        state.windows.push(limits::Windows::default());
        state.own_call.push(false);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Bucket<'_> {
    /// The value of a key, as the plugins read it now.
    ///
    /// # Panics
    /// If it is of another type.
    #[expect(clippy::panic, reason = "a test says what it expects")]
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let state = self.inn.shared.state();
        let value = state.store.get(&self.name, key, state.now);
        let value = value.unwrap_or_else(|error| panic!("{}: {error}", self.name))?;
        Some(serde_json::from_slice(&value).unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name)))
    }

    /// Writes a value, as a plugin would have written it.
    ///
    /// # Panics
    /// If no plugin could have.
    #[expect(clippy::panic, reason = "it is a mistake in the test")]
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) {
        let value = serde_json::to_vec(value).unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name));
        let set = self.inn.shared.state().store.set(&self.name, key, &value, None);
        set.unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name));
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Host({} ms)", self.now_ms())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for ConnectError {}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: {}", self.level, self.plugin, self.message)
    }
}
