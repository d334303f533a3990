//! The host that a test makes.

use super::bucket::Bucket;
use super::call;
use super::chain;
use super::connecting::Connecting;
use super::ids::NodeIndex;
use super::job::JobStart;
use super::line::Line;
use super::loaded_plugin::{LoadedPlugin, MakePlugin};
use super::node::Node;
use super::scheduler::Scheduler;
use crate::plugin::IntoPlugin;
use serde_json::Value;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The host itself, among the nodes of its cluster.
const OWN: NodeIndex = 0;

/// A host in memory, with the plugins that are under test.
///
/// The host begins (and calls what was given to [`Plugin::start`](crate::Plugin::start)) when it is first used; plugins are added and configured before that.
pub struct Host {
    scheduler: Arc<Scheduler>,
    /// Plugins, each with its configuration, until the host begins.
    plugins: Vec<(String, MakePlugin, Value)>,
    has_begun: Cell<bool>,
}

impl Host {
    /// A host with one plugin. As with `export!`, the argument is the function that makes the plugin, because every call gets a
    /// new one.
    pub fn new<P: IntoPlugin>(plugin: impl Fn() -> P + Send + Sync + 'static) -> Self {
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
    /// let host = Host::chain().plugin("auth", auth).config(json!({"required": true})).plugin("chat", chat);
    /// ```
    pub fn chain() -> Self {
        Self { scheduler: Scheduler::new(chain::run), plugins: Vec::new(), has_begun: Cell::new(false) }
    }

    /// Adds a plugin after the others.
    ///
    /// # Panics
    /// If the host has begun.
    #[must_use]
    #[track_caller]
    pub fn plugin<P: IntoPlugin>(mut self, name: &str, plugin: impl Fn() -> P + Send + Sync + 'static) -> Self {
        assert!(
            !self.has_begun.get(),
            "plugins are added before the host is used: call `plugin` before `socket`, `advance` and `log`"
        );
        let make: MakePlugin = Arc::new(move || plugin().into_plugin());
        self.plugins.push((name.to_owned(), make, Value::Object(serde_json::Map::new())));
        self
    }

    /// The configuration of the plugin that was added last: what the operator writes in `[plugins.<name>.config]`.
    ///
    /// # Panics
    /// If the host has begun.
    #[must_use]
    #[track_caller]
    pub fn config(mut self, config: Value) -> Self {
        assert!(
            !self.has_begun.get(),
            "a plugin is configured before its host is used: call `config` before `socket`, `advance` and `log`"
        );
        if let Some((_, _, last)) = self.plugins.last_mut() {
            *last = config;
        }
        self
    }

    /// What the clock shows at first, in milliseconds since 1970 (UTC). Without this it is the first moment of 2026.
    #[must_use]
    pub fn now(self, now_ms: u64) -> Self {
        self.scheduler.state().first_moment_ms = now_ms;
        self
    }

    /// How long a call may take with all its waiting, the host's `call_ms`. Without this it is 10 seconds.
    #[must_use]
    pub fn call_limit(self, limit: Duration) -> Self {
        self.scheduler.state().call_limit = limit;
        self
    }

    /// A client, to be connected to a namespace.
    #[track_caller]
    pub fn socket(&self, namespace: &str) -> Connecting {
        Connecting::new(self.begun().clone(), OWN, namespace)
    }

    /// Lets time pass. What falls due in it happens, each thing at its time.
    #[track_caller]
    pub fn advance(&self, duration: Duration) {
        self.begun().advance(duration);
    }

    /// The present time, in milliseconds since 1970 (UTC).
    pub fn now_ms(&self) -> u64 {
        self.scheduler.state().now_ms()
    }

    /// What was logged, by the plugins and about them.
    #[track_caller]
    pub fn log(&self) -> Vec<Line> {
        self.begun().state().log.clone()
    }

    /// A bucket of the store.
    pub fn store(&self, bucket: &str) -> Bucket {
        Bucket::new(self.scheduler.clone(), bucket)
    }

    /// Makes a token valid for a key, with these claims: the claims are all that a plugin sees. Outside of the times of `exp` and
    /// `nbf` it is refused with the codes `expired` and `not-before`, every other token with the code `invalid`.
    ///
    /// ```
    /// # use innkeeper_plugin::{Plugin, testing::Host};
    /// # let host = Host::new(Plugin::new);
    /// host.token("default", "ann's token", serde_json::json!({"userId": "ann"}));
    /// ```
    pub fn token(&self, key: &str, token: &str, claims: Value) {
        self.scheduler.state().tokens.insert((key.to_owned(), token.to_owned()), claims);
    }

    /// The host ends: every socket is disconnected with `server shutting down`.
    #[track_caller]
    pub fn shut_down(&self) {
        self.begun().shut_down(OWN);
    }

    /// Adds a server to the host's cluster, with plugins of its own that are made and configured as the host's are. What reaches all servers
    /// of a cluster reaches it, and its clients; the store, the windows of rate limits and the clock are the same. `name` is what
    /// [`node`](crate::node) returns in it; in the host itself that is `test`.
    ///
    /// ```
    /// # use innkeeper_plugin::{Plugin, Result, Socket, io, testing::{ConnectError, Host}};
    /// fn plugin() -> Plugin {
    ///     Plugin::new().on("shout", |_: &Socket, text: String| io().emit("heard", text))
    /// }
    ///
    /// # fn it_is_heard_everywhere() -> Result<(), ConnectError> {
    /// let host = Host::new(plugin);
    /// let other = host.node("web2");
    /// let (ann, bob) = (host.socket("/").connect()?, other.socket("/").connect()?);
    /// ann.emit("shout", "hello");
    /// bob.take("heard");
    /// # Ok(()) }
    /// # it_is_heard_everywhere().unwrap();
    /// ```
    ///
    /// # Panics
    /// If `name` is not 4 characters out of `A-Z a-z 0-9 - _`, or is the name of another node.
    #[expect(clippy::panic, reason = "it is an error in the test, and says what to do")]
    #[track_caller]
    pub fn node(&self, name: &str) -> Node {
        let scheduler = self.begun();
        let added = scheduler.state().add_node(name);
        match added.and_then(|node| self.start_on(node).map(|()| node)) {
            Ok(node) => Node::new(scheduler.clone(), node),
            Err(what) => panic!("{what}"),
        }
    }

    /// Loads the plugins and starts them, as the first use of the host does. For tests of what a plugin refuses.
    ///
    /// ```
    /// # use innkeeper_plugin::{Plugin, Result, testing::Host};
    /// fn plugin() -> Result<Plugin> {
    ///     Err("config: there is no such color".into())
    /// }
    ///
    /// let refusal = Host::new(plugin).load().unwrap_err();
    /// assert_eq!(refusal, "the plugin \"plugin\" refuses its configuration: config: there is no such color");
    /// ```
    ///
    /// # Errors
    /// If a plugin refuses its configuration, or registers what no host would load.
    pub fn load(self) -> Result<Self, String> {
        self.begin().map(|()| self)
    }

    #[expect(clippy::panic, reason = "it is an error in the plugin, and the test cannot go on")]
    #[track_caller]
    fn begun(&self) -> &Arc<Scheduler> {
        match self.begin() {
            Ok(()) => &self.scheduler,
            Err(what) => panic!("{what}"),
        }
    }

    /// Loads the plugins and starts them, the first time.
    fn begin(&self) -> Result<(), String> {
        if self.has_begun.replace(true) {
            return Ok(());
        }
        self.start_on(OWN)
    }

    /// Loads the plugins on a node and starts them.
    fn start_on(&self, node: NodeIndex) -> Result<(), String> {
        for (position, (name, make, config)) in self.plugins.iter().enumerate() {
            self.load_plugin(node, position, name, make.clone(), config)?;
        }
        let starts: Vec<_> = {
            let state = self.scheduler.state();
            let plugins = state.plugins.iter().map(|state| &state.plugin);
            plugins.filter(|plugin| plugin.node == node && plugin.has_start).map(|plugin| plugin.index).collect()
        };
        for plugin in starts {
            self.scheduler.run_to_end(JobStart::Plugin { plugin });
        }
        Ok(())
    }

    fn load_plugin(&self, node: NodeIndex, position: usize, name: &str, make: MakePlugin, config: &Value) -> Result<(), String> {
        let index = self.scheduler.state().plugins.len();
        let plugin = Arc::new(LoadedPlugin::new(index, node, position, name.to_owned(), make, config.to_string()));
        let registration = call::register(&self.scheduler, &plugin)
            .map_err(|refusal| format!("the plugin {name:?} refuses its configuration: {refusal}"))?;
        let loaded = plugin.registered(registration).map_err(|what| format!("the plugin {name:?} {what}"))?;
        self.scheduler.state().add_plugin(Arc::new(loaded));
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.scheduler.end();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Host({} ms)", self.now_ms())
    }
}
