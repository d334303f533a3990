//! A plugin as its author puts it together: namespaces, and the functions for each.

use crate::arguments::Arguments;
use crate::disconnect::{Disconnect, DisconnectHandler};
use crate::error::{Error, Result};
use crate::event::{Event, IntoReply};
use crate::handler::{Handler, IntoDone, Lifecycle};
use crate::namespaces::with_slash;
use crate::payload::Payload;
use crate::server_event::ServerEvent;
use crate::socket::Socket;
use crate::timer::Timer;
use innkeeper_contract::capabilities::CLUSTER;
use std::collections::BTreeMap;

pub(crate) type OnConnect = Box<dyn Fn(&Socket) -> Result<()>>;
pub(crate) type OnConnection = Box<dyn Fn(&Socket, &str) -> Result<()>>;
pub(crate) type OnDisconnect = Box<dyn Fn(&Socket, &Disconnect) -> Result<()>>;
pub(crate) type OnMiddleware = Box<dyn Fn(&Socket, &mut Event) -> Result<()>>;
pub(crate) type OnEvent = Box<dyn Fn(&Socket, Event) -> Result<Option<Payload>>>;

pub(crate) type OnServerEvent = Box<dyn Fn(&ServerEvent) -> Result<Option<Payload>>>;
pub(crate) type OnStart = Box<dyn Fn() -> Result<()>>;
pub(crate) type OnTimer = Box<dyn Fn(&Timer) -> Result<()>>;

/// A plugin, put together as one would set up a Socket.IO server.
///
/// What is added belongs to the namespace named last, and to `/` before any was named.
///
/// ```
/// use innkeeper_plugin::{Event, Plugin, Reply, Result, Socket};
///
/// fn plugin() -> Plugin {
///     Plugin::new()
///         .namespace("/chat")
///         .middleware(no_shouting)
///         .on("room:join", |socket: &Socket, room: String| socket.join(room))
///         .namespace("/math")
///         .on("add", |_: &Socket, a: f64, b: f64| Reply(a + b))
/// }
///
/// fn no_shouting(_socket: &Socket, event: &mut Event) -> Result<()> {
///     if event.name().ends_with('!') {
///         return Err("please do not shout".into());
///     }
///     Ok(())
/// }
/// # plugin();
/// ```
#[derive(Default)]
pub struct Plugin {
    plugin_wide: PluginWide,
    /// The namespace that is being filled.
    current: Namespace,
    others: Vec<Namespace>,
}

/// What belongs to no namespace.
#[derive(Default)]
pub(crate) struct PluginWide {
    pub(crate) capabilities: Vec<String>,
    pub(crate) start: Vec<OnStart>,
    pub(crate) timers: BTreeMap<String, OnTimer>,
}

/// The functions of one namespace.
#[derive(Default)]
pub(crate) struct Namespace {
    /// Empty for the one that a plugin begins with, which becomes `/` when something is added to it.
    pub(crate) name: String,
    pub(crate) pattern: bool,
    pub(crate) connect_middleware: Vec<OnConnect>,
    pub(crate) connection: Vec<OnConnection>,
    /// One of those for `connection` does not let the socket's first event start while it waits.
    pub(crate) connection_in_order: bool,
    pub(crate) middleware: Vec<OnMiddleware>,
    pub(crate) events: BTreeMap<String, EventHandlers>,
    pub(crate) any: Vec<OnEvent>,
    pub(crate) server_events: BTreeMap<String, OnServerEvent>,
    pub(crate) disconnecting: Vec<OnDisconnect>,
    pub(crate) disconnect: Vec<OnDisconnect>,
}

/// The functions for one event.
#[derive(Default)]
pub(crate) struct EventHandlers {
    pub(crate) handlers: Vec<OnEvent>,
    /// One of them does not let the socket's next event start while it waits.
    pub(crate) in_order: bool,
}

/// What the function given to `export!` may return: a [`Plugin`], or a `Result` of one.
///
/// ```
/// use innkeeper_plugin::{Plugin, Result, config_once, export};
///
/// #[derive(serde::Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Config {
///     room_size_max: u32,
/// }
///
/// impl Default for Config {
///     fn default() -> Self {
///         Self { room_size_max: 50 }
///     }
/// }
///
/// fn plugin() -> Result<Plugin> {
///     let config = config_once::<Config>()?;
///     if config.room_size_max == 0 {
///         return Err("config: room_size_max: give at least 1".into());
///     }
///     Ok(Plugin::new())
/// }
///
/// export!(plugin);
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is no plugin", note = "return `Plugin` or `Result<Plugin>`")]
pub trait IntoPlugin {
    /// The plugin.
    ///
    /// # Errors
    /// If the plugin cannot work with its configuration.
    fn into_plugin(self) -> Result<Plugin>;
}

impl IntoPlugin for Plugin {
    fn into_plugin(self) -> Result<Plugin> {
        Ok(self)
    }
}

impl<E: Into<Error>> IntoPlugin for std::result::Result<Plugin, E> {
    fn into_plugin(self) -> Result<Plugin> {
        self.map_err(Into::into)
    }
}

impl Plugin {
    /// A plugin that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests a capability, such as `store`, `jwt` or `handshake:secrets`. The operator has to grant it.
    #[must_use]
    pub fn capability(mut self, name: impl Into<String>) -> Self {
        self.plugin_wide.capabilities.push(name.into());
        self
    }

    /// Runs once before anything else, when the host has loaded the plugin: the place to set a first timer.
    #[must_use]
    pub fn start<R: IntoDone>(mut self, run: impl Fn() -> R + 'static) -> Self {
        self.plugin_wide.start.push(Box::new(move || run().into_done()));
        self
    }

    /// What a timer of this name does when it is due; [`timer`](crate::timer()) and [`Socket::timer`] set it. It belongs to no
    /// namespace. A second function for the same name replaces the first.
    #[must_use]
    pub fn timer<R: IntoDone>(mut self, name: impl Into<String>, run: impl Fn(&Timer) -> R + 'static) -> Self {
        self.plugin_wide.timers.insert(name.into(), Box::new(move |timer| run(timer).into_done()));
        self
    }

    /// `io.of(name)`: what follows belongs to this namespace. As in Node, a name without its slash gets it.
    #[must_use]
    pub fn namespace(self, name: impl Into<String>) -> Self {
        self.select_namespace(with_slash(name.into()), false)
    }

    /// `io.of(/pattern/)`: what follows belongs to every namespace whose whole name the regular expression matches, and that was
    /// not added by name. Of several patterns the first that matches counts. A namespace is made for the first client that connects to it,
    /// and is gone with the last. Expressions are those of the crate `regex` with `\w`, `\d` and `\b` of ASCII. To emit to all of the
    /// namespaces there is [`of_pattern`](crate::of_pattern).
    #[must_use]
    pub fn namespace_pattern(self, pattern: impl Into<String>) -> Self {
        self.select_namespace(pattern.into(), true)
    }

    /// `io.use`: connect middleware, run while a socket is pending. An error refuses the connection: the client gets `connect_error`.
    #[must_use]
    pub fn connect_middleware<R: IntoDone>(mut self, run: impl Fn(&Socket) -> R + 'static) -> Self {
        self.current().connect_middleware.push(Box::new(move |socket| run(socket).into_done()));
        self
    }

    /// `io.on("connection")`: `fn(&Socket)`, or `fn(&Socket, &str)` for the kind: `new`, `recovered` (after a short loss of
    /// connection) or `resumed` (the socket was connected before this plugin was loaded; the host then drops every write).
    #[must_use]
    pub fn connection<T, R: IntoDone>(self, run: impl Lifecycle<T, R>) -> Self {
        let mut plugin = self.connection_overtakable(run);
        plugin.current().connection_in_order = true;
        plugin
    }

    /// The same for a function that the socket's first events need not wait for: while it waits, they start, as in Node. It counts if this
    /// plugin is the last with a function for `connection`, and has no other that was added with [`connection`](Self::connection).
    #[must_use]
    pub fn connection_overtakable<T, R: IntoDone>(mut self, run: impl Lifecycle<T, R>) -> Self {
        self.current().connection.push(Box::new(move |socket, kind| run.call(socket, kind).into_done()));
        self
    }

    /// `socket.use`: runs before the handlers of each event. It may rewrite the event; an error rejects it.
    #[must_use]
    pub fn middleware<R: IntoDone>(mut self, run: impl Fn(&Socket, &mut Event) -> R + 'static) -> Self {
        self.current().middleware.push(Box::new(move |socket, event| run(socket, event).into_done()));
        self
    }

    /// `socket.on(name)`: a function for an event; see [`Handler`]. Several for one event run in the order added, and the first
    /// reply counts.
    #[must_use]
    pub fn on<T: Arguments, R: IntoReply>(mut self, name: impl Into<String>, run: impl Handler<T, R>) -> Self {
        self.event(name.into(), run).in_order = true;
        self
    }

    /// The same for an event whose order does not matter: while its function waits (for an ack, the store, [`sleep`](crate::sleep)), the
    /// socket's next event may start, as in Node. It counts if this plugin is the last with a function for the event, and has no other that
    /// was added with [`on`](Self::on), nor one for [every event](Self::on_any); and while at most half of the plugin's instances wait so,
    /// which with `instances_max = 1` is none.
    ///
    /// ```
    /// use innkeeper_plugin::{Plugin, Reply, Result, Socket, sleep};
    /// use std::time::Duration;
    ///
    /// fn plugin() -> Plugin {
    ///     Plugin::new().on_overtakable("slow", slow).on("quick", |_: &Socket| Reply("now"))
    /// }
    ///
    /// fn slow(_socket: &Socket) -> Result<Reply<&'static str>> {
    ///     sleep(Duration::from_secs(1))?;
    ///     Ok(Reply("later"))
    /// }
    /// # let host = innkeeper_plugin::testing::Host::new(plugin);
    /// # let client = host.socket("/").connect().unwrap();
    /// # let slow = client.emit_for_ack("slow", ());
    /// # assert_eq!(client.emit_with_ack::<String>("quick", ()), "now");
    /// # host.advance(Duration::from_secs(1));
    /// # assert_eq!(slow.value::<String>(), "later");
    /// ```
    #[must_use]
    pub fn on_overtakable<T: Arguments, R: IntoReply>(mut self, name: impl Into<String>, run: impl Handler<T, R>) -> Self {
        self.event(name.into(), run);
        self
    }

    /// `socket.onAny`: a function for every event, before those that were added by name.
    #[must_use]
    pub fn on_any<R: IntoReply>(mut self, run: impl Fn(&Socket, Event) -> R + 'static) -> Self {
        self.current().any.push(Box::new(move |socket, event| run(socket, event).into_reply()));
        self
    }

    /// `io.on(name)` for [`serverSideEmit`](crate::Broadcast::server_side_emit): a function for an event of another server of the cluster. What
    /// it returns with [`Reply`](crate::Reply) answers that server; then it gets one argument. They run one at a time, in the order in which they
    /// come. It requests the capability `cluster`, which the operator has to grant. A second function for the same name replaces the
    /// first.
    ///
    /// ```
    /// use innkeeper_plugin::{Plugin, Reply, Result, ServerEvent, io};
    ///
    /// fn plugin() -> Plugin {
    ///     Plugin::new().on_server_event("sockets", sockets)
    /// }
    ///
    /// fn sockets(_event: &ServerEvent) -> Result<Reply<u32>> {
    ///     Ok(Reply(io().local().count()?))
    /// }
    /// # innkeeper_plugin::testing::Host::new(plugin).load().unwrap();
    /// ```
    #[must_use]
    pub fn on_server_event<R: IntoReply>(mut self, name: impl Into<String>, run: impl Fn(&ServerEvent) -> R + 'static) -> Self {
        if !self.plugin_wide.capabilities.iter().any(|capability| capability == CLUSTER) {
            self.plugin_wide.capabilities.push(CLUSTER.to_owned());
        }
        self.current().server_events.insert(name.into(), Box::new(move |event| run(event).into_reply()));
        self
    }

    /// `socket.on("disconnecting")`: the socket has disconnected; [`Socket::rooms`] still has the rooms that it was in.
    /// `fn(&Socket)`, with a `&str` for the reason, or with a [`&Disconnect`](Disconnect) for its details, too.
    #[must_use]
    pub fn disconnecting<T, R: IntoDone>(mut self, run: impl DisconnectHandler<T, R>) -> Self {
        self.current().disconnecting.push(Box::new(move |socket, disconnect| run.call(socket, disconnect).into_done()));
        self
    }

    /// `socket.on("disconnect")`: the last call about a socket, which is in no room any more. It takes what
    /// [`disconnecting`](Self::disconnecting) takes.
    #[must_use]
    pub fn disconnect<T, R: IntoDone>(mut self, run: impl DisconnectHandler<T, R>) -> Self {
        self.current().disconnect.push(Box::new(move |socket, disconnect| run.call(socket, disconnect).into_done()));
        self
    }

    /// All that was put together.
    pub(crate) fn into_parts(mut self) -> (PluginWide, Vec<Namespace>) {
        self.put_current_back();
        (self.plugin_wide, self.others)
    }

    fn event<T: Arguments, R: IntoReply>(&mut self, name: String, run: impl Handler<T, R>) -> &mut EventHandlers {
        let event = self.current().events.entry(name).or_default();
        event.handlers.push(Box::new(move |socket, event| run.call(socket, event.into_args()?).into_reply()));
        event
    }

    fn select_namespace(mut self, name: String, pattern: bool) -> Self {
        self.put_current_back();
        let known = self.others.iter().position(|other| other.name == name && other.pattern == pattern);
        self.current = match known {
            Some(index) => self.others.remove(index),
            None => Namespace { name, pattern, ..Namespace::default() },
        };
        self
    }

    fn put_current_back(&mut self) {
        let left = std::mem::take(&mut self.current);
        if !left.name.is_empty() {
            self.others.push(left);
        }
    }

    fn current(&mut self) -> &mut Namespace {
        if self.current.name.is_empty() {
            "/".clone_into(&mut self.current.name);
        }
        &mut self.current
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.others.iter().chain([&self.current]).map(|namespace| &namespace.name);
        out.debug_list().entries(names).finish()
    }
}
