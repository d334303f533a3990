//! Socket.IO's `BroadcastOperator`: emits to many sockets at once, and questions about them.

use crate::answers::Answers;
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::{Error, Result};
use crate::host::host;
use crate::namespaces::with_slash;
use crate::payload::Args;
use crate::remote_socket::{Fetched, Field, RemoteSocket};
use crate::rooms::Rooms;
use crate::server_event::ServerAnswers;
use innkeeper_contract::{codes, flags};
use std::time::Duration;

/// `io`, which is the namespace `/`. For another one see [`of`].
pub fn io() -> Broadcast {
    of("/")
}

/// `io.of(namespace)`: all sockets of a namespace. One that this plugin does not serve needs the capability `namespaces`. As in
/// Node, a name without its slash gets it.
pub fn of(namespace: impl Into<String>) -> Broadcast {
    let target = Target { namespace: with_slash(namespace.into()), rooms: Vec::new(), except: Vec::new(), flags: Vec::new() };
    Broadcast { target, timeout: None, all_nodes: false }
}

/// `io.of(/pattern/)`: all sockets of all namespaces that this plugin serves by the pattern, whose text is that of
/// [`Plugin::namespace_pattern`](crate::Plugin::namespace_pattern). As in Node, it is for [`emit`](Broadcast::emit) and nothing else. The
/// emit is one write for each of the namespaces.
///
/// ```
/// use innkeeper_plugin::{Plugin, Result, Socket, of_pattern};
///
/// const ROOMS: &str = "/room-[0-9]+";
///
/// fn plugin() -> Plugin {
///     Plugin::new().namespace_pattern(ROOMS).on("announce", announce)
/// }
///
/// fn announce(_socket: &Socket, text: String) -> Result<()> {
///     of_pattern(ROOMS).emit("announcement", text)
/// }
/// # let host = innkeeper_plugin::testing::Host::new(plugin);
/// # let [ann, bob] = ["/room-1", "/room-2"].map(|name| host.socket(name).connect().unwrap());
/// # ann.emit("announce", "hello");
/// # assert_eq!(bob.received(), [("announcement", serde_json::json!(["hello"]))]);
/// ```
pub fn of_pattern(pattern: impl Into<String>) -> Broadcast {
    let target = Target { namespace: pattern.into(), rooms: Vec::new(), except: Vec::new(), flags: Vec::new() };
    Broadcast { target, timeout: None, all_nodes: false }.flag(flags::PATTERN)
}

/// Some of the sockets of a namespace, on all nodes.
///
/// ```no_run
/// # use innkeeper_plugin::{Socket, Result};
/// # fn f(socket: &Socket) -> Result<()> {
/// socket.to("room-123").emit("message", "to the other sockets in the room")?;
/// socket.nsp().to(["room-1", "room-2"]).except("muted").emit("announcement", "to all sockets in one of the rooms")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "this only selects sockets; call `emit`, `fetch_sockets` or another"]
pub struct Broadcast {
    target: Target,
    timeout: Option<Duration>,
    all_nodes: bool,
}

impl Broadcast {
    /// `.to(room)`: the sockets in this room, or in any of several. Each socket is reached once, in however many of them it is.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        self.target.rooms.extend(rooms.into_rooms());
        self
    }

    /// `.except(room)`: without the sockets in this room, or in any of several.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        self.target.except.extend(rooms.into_rooms());
        self
    }

    /// `.local`: on this node only.
    pub fn local(self) -> Self {
        self.flag(flags::LOCAL)
    }

    /// `.volatile`: a client that is not ready to receive may miss it.
    pub fn volatile(self) -> Self {
        self.flag(flags::VOLATILE)
    }

    /// `.timeout(delay)`: the longest that a question waits.
    pub fn timeout(mut self, delay: Duration) -> Self {
        self.timeout = Some(delay);
        self
    }

    /// Makes a question fail with the code `timeout` if any node of the cluster does not answer it in time, as it does in Node. Without this
    /// it is answered with what has come; [`fetch`](Self::fetch) and [`emit_with_ack`](Self::emit_with_ack) say how many nodes are missing.
    pub fn all_nodes(mut self) -> Self {
        self.all_nodes = true;
        self
    }

    /// `.emit(name, ...args)`.
    ///
    /// # Errors
    /// If the name is reserved or too long, the arguments cannot be written as JSON, the namespace does not exist or may not be
    /// named, or the call has recorded as many writes as it may.
    pub fn emit(self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<()> {
        host().emit_to_rooms(&self.target, name, args.into_payload()?)
    }

    /// `.emitWithAck(name, ...args)`: what the clients answered, as far as they did in time. What was recorded before is sent first.
    ///
    /// # Errors
    /// As for an emit. That clients do not answer is no error.
    pub fn emit_with_ack(self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<Answers> {
        let answers = host().ask_rooms(&self.target, name, args.into_payload()?, self.timeout)?;
        self.check_nodes(answers.nodes_missing)?;
        Ok(answers.into())
    }

    /// `.fetchSockets()`: the sockets, with all that is known of them, from every node that answered in time.
    ///
    /// # Errors
    /// If a name of a room is too long, or the namespace does not exist or may not be named. That nodes do not answer is no
    /// error.
    pub fn fetch_sockets(self) -> Result<Vec<RemoteSocket>> {
        self.fetch(Field::ALL).map(|fetched| fetched.sockets)
    }

    /// `.fetchSockets()`, with only so much of each socket as is needed, and with the nodes that did not answer.
    ///
    /// ```no_run
    /// # use innkeeper_plugin::{Field, Result, io};
    /// # fn f() -> Result<()> {
    /// for socket in io().to("lobby").fetch([Field::Data])?.sockets {
    ///     let user: Option<String> = socket.data("user")?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`fetch_sockets`](Self::fetch_sockets).
    pub fn fetch(self, fields: impl IntoIterator<Item = Field>) -> Result<Fetched> {
        let fields: Vec<String> = fields.into_iter().map(|field| field.name().to_owned()).collect();
        let page = host().fetch(&self.target, &fields, self.timeout)?;
        self.check_nodes(page.nodes_missing)?;
        Ok(Fetched::new(page, &self.target.namespace))
    }

    /// How many sockets there are, on all nodes that answered in time. With [`local`](Self::local) it is a look at this node, which sends
    /// nothing.
    ///
    /// ```no_run
    /// # use innkeeper_plugin::{Result, io};
    /// # fn f() -> Result<()> {
    /// let members = io().to("lobby").count()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`fetch_sockets`](Self::fetch_sockets).
    #[doc(alias = "size")]
    #[doc(alias = "clientsCount")]
    pub fn count(self) -> Result<u32> {
        let answer = host().count(&self.target, self.timeout)?;
        self.answered(answer)
    }

    /// `.allSockets()`: the ids of the sockets. On the same nodes as [`count`](Self::count).
    ///
    /// # Errors
    /// As for [`fetch_sockets`](Self::fetch_sockets).
    #[doc(alias = "allSockets")]
    pub fn ids(self) -> Result<Vec<String>> {
        let answer = host().ids(&self.target, self.timeout)?;
        self.answered(answer)
    }

    /// The rooms of the whole namespace that have members, without the sockets' own: `adapter.rooms` in Node. On the same nodes as
    /// [`count`](Self::count).
    ///
    /// ```no_run
    /// # use innkeeper_plugin::{Result, of};
    /// # fn f() -> Result<()> {
    /// for room in of("/chat").local().rooms()? {
    ///     let members = of("/chat").local().to(&room).count()?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`fetch_sockets`](Self::fetch_sockets).
    #[doc(alias = "adapter")]
    pub fn rooms(self) -> Result<Vec<String>> {
        self.rooms_with_prefix("")
    }

    /// Those of the [`rooms`](Self::rooms) whose names begin with `prefix`.
    ///
    /// # Errors
    /// As for [`fetch_sockets`](Self::fetch_sockets).
    pub fn rooms_with_prefix(self, prefix: &str) -> Result<Vec<String>> {
        let answer = host().room_names(&self.target, prefix, self.timeout)?;
        self.answered(answer)
    }

    /// `.socketsJoin(rooms)`.
    ///
    /// # Errors
    /// If a name is too long, the namespace does not exist or may not be named, or the call has recorded as many writes as it
    /// may.
    pub fn sockets_join(self, rooms: impl Rooms) -> Result<()> {
        host().join_all(&self.target, &rooms.into_rooms())
    }

    /// `.socketsLeave(rooms)`.
    ///
    /// # Errors
    /// As for [`sockets_join`](Self::sockets_join).
    pub fn sockets_leave(self, rooms: impl Rooms) -> Result<()> {
        host().leave_all(&self.target, &rooms.into_rooms())
    }

    /// `.disconnectSockets(close)`.
    ///
    /// # Errors
    /// As for [`sockets_join`](Self::sockets_join).
    pub fn disconnect_sockets(self, close: bool) -> Result<()> {
        host().disconnect_all(&self.target, close)
    }

    /// `.serverSideEmit(name, ...args)`: an event for the other servers of the cluster, where every plugin gets it that has added a function
    /// with [`Plugin::on_server_event`](crate::Plugin::on_server_event), and every server of Node with `io.on(name)`. This server does not.
    /// It needs the capability `cluster`. Arguments have no binary.
    ///
    /// # Errors
    /// If the name is reserved or too long, the arguments cannot be written as JSON or have binary, the plugin has not requested `cluster`,
    /// or the call has recorded as many writes as it may.
    pub fn server_side_emit(self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<()> {
        host().server_emit(&self.target.namespace, name, args.into_payload()?)
    }

    /// `.serverSideEmitWithAck(name, ...args)`: what the other servers answered, one argument each, as far as they did in time.
    ///
    /// ```no_run
    /// # use innkeeper_plugin::{Result, io};
    /// # fn f() -> Result<()> {
    /// let loads: Vec<f64> = io().server_side_emit_with_ack("load", ())?.values()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`server_side_emit`](Self::server_side_emit).
    pub fn server_side_emit_with_ack(
        self,
        name: &str,
        args: impl Args, /* several are a tuple: (a, b) */
    ) -> Result<ServerAnswers> {
        let answers = host().server_ask(&self.target.namespace, name, args.into_payload()?, self.timeout)?;
        self.check_nodes(answers.nodes_missing)?;
        Ok(answers.into())
    }

    fn answered<T>(&self, (answer, nodes_missing): (T, u32)) -> Result<T> {
        self.check_nodes(nodes_missing)?;
        Ok(answer)
    }

    fn check_nodes(&self, missing: u32) -> Result<()> {
        match missing {
            0 => Ok(()),
            _ if !self.all_nodes => Ok(()),
            _ => Err(Error::host(codes::TIMEOUT, format!("{missing} other nodes did not answer in time"))),
        }
    }

    fn flag(mut self, name: &str) -> Self {
        self.target.flags.push(name.to_owned());
        self
    }
}

/// What can be done with a fetched socket.
impl RemoteSocket {
    /// This socket as a target, wherever it is.
    pub fn only(&self) -> Broadcast {
        of(self.namespace()).to(self.id())
    }

    /// `socket.emit(name, ...args)`.
    ///
    /// # Errors
    /// As for [`Broadcast::emit`].
    pub fn emit(&self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<()> {
        self.only().emit(name, args)
    }

    /// `socket.join(room)`, or several.
    ///
    /// # Errors
    /// As for [`Broadcast::sockets_join`].
    pub fn join(&self, rooms: impl Rooms) -> Result<()> {
        self.only().sockets_join(rooms)
    }

    /// `socket.leave(room)`, or several.
    ///
    /// # Errors
    /// As for [`Broadcast::sockets_join`].
    pub fn leave(&self, rooms: impl Rooms) -> Result<()> {
        self.only().sockets_leave(rooms)
    }

    /// `socket.disconnect(close)`.
    ///
    /// # Errors
    /// As for [`Broadcast::sockets_join`].
    pub fn disconnect(&self, close: bool) -> Result<()> {
        self.only().disconnect_sockets(close)
    }
}
