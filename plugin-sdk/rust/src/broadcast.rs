//! Reaching many sockets at once: `io`, rooms, and what they answer.

use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::Result;
use crate::handshake::Handshake;
use crate::host::{self, host};
use crate::json;
use crate::payload::{Args, Payload};
use crate::rooms::Rooms;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// `io`, which is the namespace `/`. For another one see [`of`].
pub fn io() -> Broadcast {
    of("/")
}

/// `io.of(namespace)`: all sockets of a namespace. One that this plugin does not serve needs the capability `namespaces`.
pub fn of(namespace: impl Into<String>) -> Broadcast {
    let target = Target { namespace: namespace.into(), rooms: Vec::new(), except: Vec::new(), flags: Vec::new() };
    Broadcast { target, timeout: None }
}

/// Some of the sockets of a namespace, on all nodes, and what is to happen to them.
///
/// ```no_run
/// # use innkeeper_plugin::{Socket, Result};
/// # fn f(socket: &Socket) -> Result<()> {
/// socket.to("room-123").emit("message", "to the others there")?;
/// socket.nsp().to(["room-1", "room-2"]).except("muted").emit("announcement", "to all of them")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "this only says who; call `emit`, `fetch_sockets` or another"]
pub struct Broadcast {
    target: Target,
    timeout: Option<Duration>,
}

impl Broadcast {
    /// `.to(room)`: those in this room, or in any of several. Each socket is reached once, in however many of them it is.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        self.target.rooms.extend(rooms.into_rooms());
        self
    }

    /// `.except(room)`: not those in this room.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        self.target.except.extend(rooms.into_rooms());
        self
    }

    /// `.local`: on this node only.
    pub fn local(self) -> Self {
        self.flag("local")
    }

    /// `.volatile`: a client that is not ready to receive may miss it.
    pub fn volatile(self) -> Self {
        self.flag("volatile")
    }

    /// `.timeout(delay)`: a question waits no longer.
    pub fn timeout(mut self, delay: Duration) -> Self {
        self.timeout = Some(delay);
        self
    }

    /// `.emit(name, ...args)`.
    pub fn emit(self, name: &str, args: impl Args) -> Result<()> {
        host().emit_to_rooms(&self.target, name, args.into_payload()?)
    }

    /// `.emitWithAck(name, ...args)`: what the clients answered, as far as they did in time. What was recorded before is sent first.
    pub fn emit_with_ack(self, name: &str, args: impl Args) -> Result<Answers> {
        host().ask_rooms(&self.target, name, args.into_payload()?, self.timeout).map(Answers::from)
    }

    /// `.fetchSockets()`.
    pub fn fetch_sockets(self) -> Result<Vec<RemoteSocket>> {
        let namespace = self.target.namespace.clone();
        let sockets = host().fetch(&self.target, self.timeout)?;
        Ok(sockets.into_iter().map(|inner| RemoteSocket { namespace: namespace.clone(), inner }).collect())
    }

    /// `.socketsJoin(rooms)`.
    pub fn sockets_join(self, rooms: impl Rooms) -> Result<()> {
        host().join_all(&self.target, &rooms.into_rooms())
    }

    /// `.socketsLeave(rooms)`.
    pub fn sockets_leave(self, rooms: impl Rooms) -> Result<()> {
        host().leave_all(&self.target, &rooms.into_rooms())
    }

    /// `.disconnectSockets(close)`.
    pub fn disconnect_sockets(self, close: bool) -> Result<()> {
        host().disconnect_all(&self.target, close)
    }

    fn flag(mut self, name: &str) -> Self {
        self.target.flags.push(name.to_owned());
        self
    }
}

/// What the clients answered. Everyone who was asked is in exactly one of the lists.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Who answered, and what, in the order in which it came.
    pub responses: Vec<(String, Payload)>,
    /// Who left before answering.
    pub missing: Vec<String>,
    /// Who had not answered in time.
    pub timed_out: Vec<String>,
}

impl Answers {
    /// The first argument of each answer.
    ///
    /// ```no_run
    /// # use innkeeper_plugin::{Socket, Result};
    /// # fn f(socket: &Socket) -> Result<()> {
    /// let votes: Vec<bool> = socket.nsp().to("jury").emit_with_ack("guilty?", ())?.values()?;
    /// # Ok(()) }
    /// ```
    pub fn values<T: DeserializeOwned>(self) -> Result<Vec<T>> {
        self.responses.into_iter().map(|(_, payload)| payload.first()).collect()
    }
}

impl From<host::Answers> for Answers {
    fn from(answers: host::Answers) -> Self {
        let responses = answers.responses.into_iter().map(|response| (response.socket, response.payload.into())).collect();
        Self { responses, missing: answers.missing, timed_out: answers.timed_out }
    }
}

/// A socket, perhaps of another node, as it stood when that node answered.
#[derive(Clone, Debug)]
pub struct RemoteSocket {
    namespace: String,
    inner: host::RemoteSocket,
}

impl RemoteSocket {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The rooms that it is in.
    pub fn rooms(&self) -> &[String] {
        &self.inner.rooms
    }

    /// `socket.data[key]`.
    pub fn data<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        json::member(&self.inner.data, key)
    }

    /// How the client came in.
    pub fn handshake(&self) -> Handshake {
        self.inner.handshake.clone().into()
    }

    /// This socket as a target: `remote.only().emit(..)`, `.sockets_join(..)`, `.disconnect_sockets(..)`.
    pub fn only(&self) -> Broadcast {
        of(self.namespace.clone()).to(&self.inner.id)
    }
}
