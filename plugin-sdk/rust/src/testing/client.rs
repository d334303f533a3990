//! A client: what a test does in its place, and what has come to it.

use super::ConnectError;
use super::host_state::{ConnectPhase, Packet, ServerSocket, SocketIndex, SocketState};
use super::queue::{IncomingEvent, Queue, QueueItem};
use super::scheduler::Scheduler;
use super::{Host, limits};
use crate::handler::Arguments;
use crate::host::Handshake;
use crate::payload::{Args, Payload};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A client on its way in: how it comes, and then [`connect`](Self::connect).
#[must_use = "nothing happens before `connect` or `begin`"]
pub struct Connecting<'a> {
    inn: &'a Host,
    namespace: String,
    connection: Option<usize>,
    auth: Option<String>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    address: String,
}

/// One client on one namespace.
///
/// Whatever it does, the plugins' calls have run when the method returns, as far as they can without time passing.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Scheduler>,
    socket: SocketIndex,
}

/// An event that a client received.
pub struct Received {
    client: Client,
    name: String,
    payload: Payload,
    question: Option<usize>,
}

/// An acknowledgement that a client asked for, and that may still be to come.
#[derive(Debug)]
pub struct Ack {
    client: Client,
    id: u64,
}

impl<'a> Connecting<'a> {
    pub(super) fn new(inn: &'a Host, namespace: &str) -> Self {
        Self {
            inn,
            namespace: namespace.to_owned(),
            connection: None,
            auth: None,
            query: vec![("EIO".into(), "4".into()), ("transport".into(), "websocket".into())],
            headers: vec![("host".into(), "localhost".into())],
            address: "127.0.0.1".into(),
        }
    }

    /// `auth` of the client, an object. A plugin sees it if it asked for `handshake:secrets`.
    pub fn auth(mut self, auth: Value) -> Self {
        self.auth = Some(auth.to_string());
        self
    }

    /// A parameter of the URL.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A header of the request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.to_owned()));
        self
    }

    /// Where it comes from.
    pub fn address(mut self, address: &str) -> Self {
        self.address = address.to_owned();
        self
    }

    /// Comes over the connection of another client, as one that is on two namespaces does.
    pub fn over(mut self, other: &Client) -> Self {
        self.connection = Some(other.shared.state().sockets[other.socket].connection);
        self
    }

    /// Connects.
    ///
    /// # Panics
    /// If the client is neither let in nor refused, since something in its way waits: then use [`begin`](Self::begin).
    #[expect(clippy::panic, reason = "it is a mistake in the test, and says how to mend it")]
    pub fn connect(self) -> Result<Client, ConnectError> {
        let namespace = self.namespace.clone();
        let client = self.begin();
        match client.refused() {
            Some(error) => Err(error),
            None if client.is_pending() => panic!("connecting to {namespace:?} waits for something: use `begin`, and `advance`"),
            None => Ok(client),
        }
    }

    /// Connects, without a word about whether it is let in: [`is_connected`](Client::is_connected) and
    /// [`refused`](Client::refused) tell.
    pub fn begin(self) -> Client {
        let shared = self.inn.begun();
        let socket = {
            let mut state = shared.state();
            let connection = self.connection.unwrap_or_else(|| {
                state.connections += 1;
                state.connections
            });
            let id = crate::runtime::id_of(&state.random.bytes(20));
            let is_known = state.has_namespace(&self.namespace);
            let refused = (!is_known).then(|| ConnectError { message: "Invalid namespace".to_owned(), data: None });
            let socket_state = ServerSocket {
                id,
                namespace: self.namespace.clone(),
                connection,
                handshake: self.handshake(state.now_ms()),
                life: if is_known { SocketState::Pending } else { SocketState::Left },
                connecting: ConnectPhase::Middleware(Vec::new()),
                data: BTreeMap::new(),
                rooms: Vec::new(),
                reason: None,
                refused,
                queue: if is_known { Queue::default() } else { Queue::over() },
                open_acks: BTreeSet::new(),
                last_ack: 0,
                inbox: Vec::new(),
                acks: BTreeMap::new(),
            };
            state.sockets.push(socket_state);
            state.sockets.len() - 1
        };
        shared.settle();
        Client { shared: shared.clone(), socket }
    }

    fn handshake(self, issued_ms: u64) -> Handshake {
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Handshake {
            xdomain: self.headers.iter().any(|(name, _)| name == "origin"),
            url: format!("/socket.io/?{}", query.join("&")),
            headers: self.headers,
            query: self.query,
            auth: self.auth,
            address: self.address,
            issued_ms,
            secure: false,
        }
    }
}

impl Client {
    /// `socket.id`.
    pub fn id(&self) -> String {
        self.socket(|socket_state| socket_state.id.clone())
    }

    /// Emits an event.
    pub fn emit(&self, name: &str, args: impl Args) {
        self.push(name, args, None);
    }

    /// Emits an event and reads the first argument of its ack.
    ///
    /// # Panics
    /// If it was not acknowledged: then use [`emit_for_ack`](Self::emit_for_ack).
    pub fn emit_with_ack<T: DeserializeOwned>(&self, name: &str, args: impl Args) -> T {
        self.emit_for_ack(name, args).value()
    }

    /// Emits an event and gives its ack, which may come later or never.
    pub fn emit_for_ack(&self, name: &str, args: impl Args) -> Ack {
        let id = self.socket_mut(|socket_state| {
            socket_state.last_ack += 1;
            socket_state.last_ack
        });
        self.push(name, args, Some(id));
        Ack { client: self.clone(), id }
    }

    /// Takes everything that was received and not yet taken.
    pub fn received(&self) -> Vec<Received> {
        let packets = self.socket_mut(|socket_state| std::mem::take(&mut socket_state.inbox));
        packets.into_iter().map(|packet| self.of(packet)).collect()
    }

    /// Takes the first event of this name that was not yet taken.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::panic, reason = "a test says what it expects")]
    pub fn take(&self, name: &str) -> Received {
        let (taken, others) = self.socket_mut(|socket_state| {
            let index = socket_state.inbox.iter().position(|packet| packet.name == name);
            let others: Vec<String> = socket_state.inbox.iter().map(|packet| packet.name.clone()).collect();
            (index.map(|index| socket_state.inbox.remove(index)), others)
        });
        match taken {
            Some(packet) => self.of(packet),
            None => panic!("no event {name:?} was received; there are {others:?}"),
        }
    }

    /// The rooms that it is in besides its own, sorted; when it has left, those that it was in.
    pub fn rooms(&self) -> Vec<String> {
        let mut rooms = self.socket(|socket_state| {
            socket_state.rooms.iter().filter(|room| **room != socket_state.id).cloned().collect::<Vec<_>>()
        });
        rooms.sort();
        rooms
    }

    /// `socket.data`, whole.
    pub fn data(&self) -> Value {
        let data = self.socket(|socket_state| socket_state.data.clone());
        let read = |(key, value): (String, String)| (key, serde_json::from_str(&value).unwrap_or_default());
        Value::Object(data.into_iter().map(read).collect())
    }

    /// Leaves the namespace: `client namespace disconnect`.
    pub fn disconnect(&self) {
        self.shared.state().disconnect(self.socket, "client namespace disconnect");
        self.shared.settle();
    }

    /// The connection ends, and with it all sockets that it has: `transport close`, `ping timeout` and so on.
    pub fn close(&self, reason: &str) {
        let connection = self.socket(|socket_state| socket_state.connection);
        self.shared.state().close(connection, reason);
        self.shared.settle();
    }

    /// Whether it is neither let in nor refused.
    pub fn is_pending(&self) -> bool {
        self.socket(|socket_state| socket_state.life == SocketState::Pending)
    }

    /// Whether it is in the namespace.
    pub fn is_connected(&self) -> bool {
        self.socket(|socket_state| socket_state.life == SocketState::Joined)
    }

    /// Why it was not let in.
    pub fn refused(&self) -> Option<ConnectError> {
        self.socket(|socket_state| socket_state.refused.clone())
    }

    /// Why it left, as the plugins heard it.
    pub fn disconnect_reason(&self) -> Option<String> {
        self.socket(|socket_state| socket_state.reason.clone().filter(|_| socket_state.refused.is_none()))
    }

    #[expect(clippy::panic, reason = "it is a mistake in the test")]
    fn push(&self, name: &str, args: impl Args, ack: Option<u64>) {
        let payload = match args.into_payload() {
            Ok(payload) => payload,
            Err(error) => panic!("{name}: {error}"),
        };
        assert!(!limits::is_reserved(name), "{name:?} is a name that Socket.IO keeps for itself");
        if self.is_pending() {
            // No client does that, and the host does not stand for it.
            return self.close("forced close");
        }
        self.socket_mut(|socket_state| {
            if socket_state.life == SocketState::Joined {
                socket_state.queue.waiting.push_back(QueueItem::Event(IncomingEvent { name: name.to_owned(), payload, ack }));
            }
        });
        self.shared.settle();
    }

    fn of(&self, packet: Packet) -> Received {
        let Packet { name, payload, question } = packet;
        Received { client: self.clone(), name, payload, question }
    }

    fn socket<T>(&self, read: impl FnOnce(&ServerSocket) -> T) -> T {
        read(&self.shared.state().sockets[self.socket])
    }

    fn socket_mut<T>(&self, change: impl FnOnce(&mut ServerSocket) -> T) -> T {
        change(&mut self.shared.state().sockets[self.socket])
    }
}

impl Received {
    /// The event's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments, a JSON array. A binary one is a placeholder, `{"_placeholder":true,"num":0}`.
    pub fn args(&self) -> Value {
        array(&self.payload)
    }

    /// The arguments, typed; binary ones are read as [`Binary`](crate::Binary).
    pub fn read<A: Arguments>(&self) -> crate::Result<A> {
        self.payload.clone().read()
    }

    /// What the placeholders stand for.
    pub fn attachments(&self) -> &[Vec<u8>] {
        &self.payload.attachments
    }

    /// Whether the plugin asked for an ack.
    pub fn asks(&self) -> bool {
        self.question.is_some()
    }

    /// Acknowledges it, as the client's callback does. A second time, or too late, does nothing.
    ///
    /// # Panics
    /// If the plugin did not ask for an ack.
    #[expect(clippy::panic, reason = "it is a mistake in the test")]
    pub fn ack(&self, args: impl Args) {
        let Some(question) = self.question else { panic!("nobody asked for an ack of {:?}", self.name) };
        match args.into_payload() {
            Ok(payload) => self.client.shared.state().answer(question, self.client.socket, payload),
            Err(error) => panic!("{}: {error}", self.name),
        }
        self.client.shared.settle();
    }
}

impl Ack {
    /// Whether it has not come.
    pub fn is_pending(&self) -> bool {
        self.client.socket(|socket_state| !socket_state.acks.contains_key(&self.id))
    }

    /// Its first argument.
    ///
    /// # Panics
    /// If it has not come, or is of another type.
    pub fn value<T: DeserializeOwned>(&self) -> T {
        self.read::<(T,)>().0
    }

    /// Its arguments.
    ///
    /// # Panics
    /// If it has not come, or is of another type.
    #[expect(clippy::panic, reason = "a test says what it expects")]
    pub fn read<A: Arguments>(&self) -> A {
        let Some(payload) = self.client.socket(|socket_state| socket_state.acks.get(&self.id).cloned()) else {
            panic!("there is no ack yet; the client received {:?}", self.client);
        };
        let text = payload.json().to_owned();
        payload.read().unwrap_or_else(|error| panic!("the ack {text}: {error}"))
    }
}

fn array(payload: &Payload) -> Value {
    // Whoever wrote it wrote JSON.
    serde_json::from_str(payload.json()).unwrap_or_default()
}

impl PartialEq<(&str, Value)> for Received {
    fn eq(&self, (name, args): &(&str, Value)) -> bool {
        self.name == *name && self.args() == *args
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "({:?}, {})", self.name, self.payload.json())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.socket(|socket_state| {
            let events = socket_state.inbox.iter().map(|packet| format!("{} {}", packet.name, packet.payload.json()));
            events.collect::<Vec<_>>()
        });
        write!(out, "Client({}, received: {received:?})", self.id())
    }
}

impl fmt::Debug for Connecting<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Connecting({})", self.namespace)
    }
}
