//! Socket.IO's `Socket`: `emit`, `to`, `join`, `data` and the rest.

use crate::arguments::Argument;
use crate::broadcast::{Broadcast, of};
use crate::error::{Error, Result};
use crate::handshake::Handshake;
use crate::host::host;
use crate::payload::{Args, Payload};
use crate::timer_setting::TimerSetting;
use crate::{json, rooms::Rooms};
use innkeeper_contract::fields;
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// One client on one namespace.
///
/// Everything that changes something (emit, join, data, disconnect) is recorded and takes effect together, in order, when the
/// handler ends well; if it fails, nothing of it happened. What the host refuses, it refuses at once, as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    id: String,
    namespace: String,
}

impl Socket {
    pub(crate) fn new(id: String, namespace: String) -> Self {
        Self { id, namespace }
    }

    /// `socket.id`: unguessable, and the name of the room that it is in from the start.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of the namespace: `socket.nsp.name`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The socket's namespace, to reach all sockets in it, this one included.
    pub fn nsp(&self) -> Broadcast {
        of(self.namespace.clone())
    }

    /// `socket.emit(name, ...args)`: to this client. Several arguments are a tuple. See [`Args`] for what can be emitted.
    ///
    /// ```no_run
    /// # fn f(socket: &innkeeper_plugin::Socket, names: Vec<String>) -> innkeeper_plugin::Result<()> {
    /// # use innkeeper_plugin::Spread;
    /// socket.emit("welcome", "hello")?; // emit("welcome", "hello")
    /// socket.emit("position", (1.5, 2.5))?; // emit("position", 1.5, 2.5)
    /// socket.emit("bye", ())?; // emit("bye")
    /// socket.emit("friends", Spread(names))?; // emit("friends", ...names)
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the name is reserved or too long, the arguments cannot be written as JSON, or the call has recorded as many writes as
    /// it may.
    pub fn emit(&self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<()> {
        host().emit_to_socket(&self.id, name, args.into_payload()?, &[])
    }

    /// `socket.emitWithAck(name, ...args)`: the client's answer; waits as long as the call may take.
    /// See [`timeout`](Self::timeout). A client that answers with more than one value: read it as a [`Payload`] or
    /// [`Spread`](crate::Spread).
    ///
    /// ```no_run
    /// # fn f(socket: &innkeeper_plugin::Socket) -> innkeeper_plugin::Result<()> {
    /// # use innkeeper_plugin::{Payload, Spread};
    /// let ready: bool = socket.emit_with_ack("ready?", ())?;
    /// let (x, y): (f64, f64) = socket.emit_with_ack::<Payload>("where?", ())?.read()?;
    /// let Spread(names) = socket.emit_with_ack::<Spread<String>>("friends?", ())?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`emit`](Self::emit). Without an answer in time the code is `timeout`, `disconnected` if the client disconnected, and
    /// `pending` in connect middleware; and an answer may be of another type.
    pub fn emit_with_ack<R: Argument>(&self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<R> {
        Emit::to(self).emit_with_ack(name, args)
    }

    /// `socket.volatile`: the next emit may be dropped if the client is not ready to receive.
    pub fn volatile(&self) -> Emit<'_> {
        Emit::to(self).volatile()
    }

    /// `socket.timeout(delay)`: the next emit with ack waits no longer. The error then has the code `timeout`.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn f(socket: &innkeeper_plugin::Socket) -> innkeeper_plugin::Result<()> {
    /// let ready: bool = socket.timeout(Duration::from_secs(5)).emit_with_ack("ready?", ())?;
    /// # Ok(()) }
    /// ```
    pub fn timeout(&self, delay: Duration) -> Emit<'_> {
        Emit::to(self).timeout(delay)
    }

    /// `socket.to(room)`: the other sockets in a room, or in any of several.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// `socket.broadcast`: all other sockets in the namespace.
    pub fn broadcast(&self) -> Broadcast {
        self.nsp().except(self.id.as_str())
    }

    /// `socket.join(room)`, or several.
    ///
    /// # Errors
    /// If a name is too long, the socket would be in too many rooms, or the call has recorded as many writes as it may.
    pub fn join(&self, rooms: impl Rooms) -> Result<()> {
        host().join(&self.id, &rooms.into_rooms())
    }

    /// A timer of this socket, to be set or cleared: it runs in the order of the socket's events and ends with the socket. Setting the
    /// same name again replaces it, unless each has a [`key`](TimerSetting::key).
    pub fn timer(&self, name: impl Into<String>) -> TimerSetting {
        TimerSetting::new(name.into(), Some(self.id.clone()))
    }

    /// `socket.leave(room)`, or several.
    ///
    /// # Errors
    /// If a name is too long, or the call has recorded as many writes as it may.
    pub fn leave(&self, rooms: impl Rooms) -> Result<()> {
        host().leave(&self.id, &rooms.into_rooms())
    }

    /// `socket.rooms`: its own included, in no particular order.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn rooms(&self) -> Result<Vec<String>> {
        host().rooms(&self.id)
    }

    /// `socket.data[key]`, or `None` if there is nothing, or null.
    ///
    /// ```no_run
    /// # fn f(socket: &innkeeper_plugin::Socket) -> innkeeper_plugin::Result<()> {
    /// let visits = socket.data::<u32>("visits")?.unwrap_or(0);
    /// socket.set_data("visits", &(visits + 1))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name; or the value is of another type.
    pub fn data<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        json::value(host().data_value(&self.id, key)?.as_deref(), key)
    }

    /// `socket.data`, whole: as a type of the plugin's own, or as a [`Map`](serde_json::Map).
    ///
    /// ```no_run
    /// # fn f(socket: &innkeeper_plugin::Socket) -> innkeeper_plugin::Result<()> {
    /// #[derive(serde::Deserialize)]
    /// struct Data {
    ///     visits: Option<u32>,
    /// }
    ///
    /// let data: Data = socket.data_all()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name; or the data is of another type.
    pub fn data_all<T: DeserializeOwned>(&self) -> Result<T> {
        json::whole(&host().data(&self.id)?, "data")
    }

    /// `socket.data[key] = value`. It outlives this instance of the plugin, and `fetchSockets` shows it on every node.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, the data of the socket would be too large, or the call has recorded as many
    /// writes as it may.
    pub fn set_data<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        let value = serde_json::to_string(value).map_err(|why| Error::internal(format!("data: {key}: {why}")))?;
        host().set_data(&self.id, key, &value)
    }

    /// `delete socket.data[key]`.
    ///
    /// # Errors
    /// If the call has recorded as many writes as it may.
    pub fn remove_data(&self, key: &str) -> Result<()> {
        host().remove_data(&self.id, key)
    }

    /// `socket.handshake`: how the client connected. The handshake is copied whole; where one part is enough, take that:
    /// [`address`](Self::address), [`url`](Self::url), [`query`](Self::query), [`headers`](Self::headers),
    /// [`header`](Self::header), [`auth`](Self::auth). As JSON it is what it is in Node.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn handshake(&self) -> Result<Handshake> {
        self.handshake_with(&fields::OF_HANDSHAKE)
    }

    /// `socket.handshake.address`: the client's address, without port.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn address(&self) -> Result<String> {
        Ok(self.handshake_with(&[fields::ADDRESS])?.address().to_owned())
    }

    /// `socket.handshake.url`: the request's target, as received.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn url(&self) -> Result<String> {
        Ok(self.handshake_with(&[fields::URL])?.url().to_owned())
    }

    /// `socket.handshake.query[name]`: a parameter of the request's URL.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn query(&self, name: &str) -> Result<Option<String>> {
        Ok(self.handshake_with(&[&fields::one(fields::QUERY, name)])?.query(name).map(str::to_owned))
    }

    /// `socket.handshake.query`: all parameters of the request's URL, in the order received.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn queries(&self) -> Result<Vec<(String, String)>> {
        Ok(self.handshake_with(&[fields::QUERY])?.queries().to_vec())
    }

    /// `socket.handshake.headers`, in the order received. `cookie` and `authorization` need the capability `handshake:secrets`.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn headers(&self) -> Result<Vec<(String, String)>> {
        Ok(self.handshake_with(&[fields::HEADERS])?.headers().to_vec())
    }

    /// `socket.handshake.headers[name]`, by its name in lower case.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn header(&self, name: &str) -> Result<Option<String>> {
        Ok(self.handshake_with(&[&fields::one(fields::HEADERS, name)])?.header(name).map(str::to_owned))
    }

    /// `socket.handshake.auth[key]`: `None` without the capability `handshake:secrets`.
    ///
    /// ```no_run
    /// # fn f(socket: &innkeeper_plugin::Socket) -> innkeeper_plugin::Result<()> {
    /// let token: String = socket.auth("token")?.ok_or("No token")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name; or the value is of another type.
    pub fn auth<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.handshake_with(&[fields::AUTH])?.auth(key)
    }

    fn handshake_with(&self, fields: &[&str]) -> Result<Handshake> {
        host().handshake(&self.id, fields).map(Handshake::from)
    }

    /// `socket.conn.transport.name`: `polling` or `websocket`.
    ///
    /// # Errors
    /// If the socket is not there any more, or of a namespace that the plugin may not name.
    pub fn transport(&self) -> Result<String> {
        host().transport(&self.id)
    }

    /// `socket.disconnect(close)`: disconnects the socket from this namespace; with `close` the whole connection ends, after
    /// what was emitted before has been delivered.
    ///
    /// # Errors
    /// If the call has recorded as many writes as it may.
    pub fn disconnect(&self, close: bool) -> Result<()> {
        host().disconnect(&self.id, close)
    }
}

/// An emit to one socket, with a flag or a timeout.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before `emit` or `emit_with_ack`"]
pub struct Emit<'a> {
    socket: &'a Socket,
    volatile: bool,
    timeout: Option<Duration>,
}

impl<'a> Emit<'a> {
    fn to(socket: &'a Socket) -> Self {
        Self { socket, volatile: false, timeout: None }
    }

    /// May be dropped if the client is not ready to receive.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Waits no longer for the ack.
    pub fn timeout(mut self, delay: Duration) -> Self {
        self.timeout = Some(delay);
        self
    }

    /// Emits.
    ///
    /// # Errors
    /// As for [`Socket::emit`].
    pub fn emit(self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<()> {
        let flags = if self.volatile { vec!["volatile".to_owned()] } else { Vec::new() };
        host().emit_to_socket(&self.socket.id, name, args.into_payload()?, &flags)
    }

    /// Emits, waits for the client's ack, and reads its first argument. What was recorded before is sent first.
    ///
    /// # Errors
    /// As for [`Socket::emit_with_ack`].
    pub fn emit_with_ack<R: Argument>(self, name: &str, args: impl Args /* several are a tuple: (a, b) */) -> Result<R> {
        let answers = host().ask_socket(&self.socket.id, name, args.into_payload()?, self.timeout)?;
        match answers.responses.into_iter().next() {
            Some(response) => Payload::from(response.payload)
                .first()
                .map_err(|error| Error::invalid_argument(format!("the ack of {name}: {}", error.message()))),
            None => Err(Error::new(format!("{name}: the client did not answer")).code("timeout")),
        }
    }
}
