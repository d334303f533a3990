//! A client, played by the test: what it does, and what it has received.

use super::checks;
use super::connect_error::ConnectError;
use super::ids::{NodeIndex, SocketIndex};
use super::queue::{IncomingEvent, QueueItem};
use super::scheduler::Scheduler;
use super::server_socket::{ReceivedEvent, ServerSocket, SocketState};
use crate::arguments::{Argument, Arguments};
use crate::payload::{Args, Payload};
use innkeeper_contract::{events, reasons};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// One client on one namespace.
///
/// When a method returns, the plugins' calls have run as far as they can without time passing.
#[derive(Clone)]
pub struct Client {
    scheduler: Arc<Scheduler>,
    index: SocketIndex,
}

/// An event that a client received.
pub struct Received {
    client: Client,
    name: String,
    payload: Payload,
    question: Option<usize>,
}

/// An acknowledgement that a client asked for. It may not have come yet.
#[derive(Debug)]
pub struct Ack {
    client: Client,
    /// The name of the event.
    event: String,
    id: u64,
}

impl Client {
    pub(super) fn new(scheduler: Arc<Scheduler>, index: SocketIndex) -> Self {
        Self { scheduler, index }
    }

    /// The number of its connection.
    pub(super) fn connection(&self) -> usize {
        self.socket(|socket| socket.connection)
    }

    /// The node that it is connected to.
    pub(super) fn node(&self) -> NodeIndex {
        self.socket(|socket| socket.node)
    }

    /// `socket.id`.
    pub fn id(&self) -> String {
        self.socket(|socket| socket.id.clone())
    }

    /// Emits an event.
    ///
    /// # Panics
    /// If no client could emit it: the name is reserved, or the arguments cannot be written as JSON.
    #[track_caller]
    pub fn emit(&self, name: &str, args: impl Args) {
        self.push(name, args, None);
    }

    /// Emits an event and reads the first argument of its ack; all of them as a `Payload` or [`Spread`](crate::Spread).
    ///
    /// # Panics
    /// As for [`emit`](Self::emit); or if the event was not acknowledged: a handler answers by returning a [`Reply`](crate::Reply), or
    /// with an [`Ack`](crate::Ack). For an ack that comes later use [`emit_for_ack`](Self::emit_for_ack).
    #[track_caller]
    pub fn emit_with_ack<T: Argument>(&self, name: &str, args: impl Args) -> T {
        self.emit_for_ack(name, args).value()
    }

    /// Emits an event and returns its ack, which may come later or never.
    ///
    /// # Panics
    /// As for [`emit`](Self::emit).
    #[track_caller]
    pub fn emit_for_ack(&self, name: &str, args: impl Args) -> Ack {
        let id = self.socket_mut(|socket| {
            socket.last_ack += 1;
            socket.last_ack
        });
        self.push(name, args, Some(id));
        Ack { client: self.clone(), event: name.to_owned(), id }
    }

    /// Takes everything that was received and not yet taken.
    pub fn received(&self) -> Vec<Received> {
        let events = self.socket_mut(|socket| std::mem::take(&mut socket.inbox));
        events.into_iter().map(|event| self.of(event)).collect()
    }

    /// Takes the first event of this name that was not yet taken.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::panic, reason = "a test says what it expects")]
    #[track_caller]
    pub fn take(&self, name: &str) -> Received {
        let (taken, others) = self.socket_mut(|socket| {
            let index = socket.inbox.iter().position(|event| event.name == name);
            let others: Vec<String> = socket.inbox.iter().map(|event| event.name.clone()).collect();
            (index.map(|index| socket.inbox.remove(index)), others)
        });
        match taken {
            Some(event) => self.of(event),
            None => panic!("no event {name:?} was received; there are {others:?}{}", self.failures()),
        }
    }

    /// The rooms that the socket is in besides its own, sorted. None when it has disconnected.
    pub fn rooms(&self) -> Vec<String> {
        let mut rooms =
            self.socket(|socket| socket.rooms.names().iter().filter(|room| **room != socket.id).cloned().collect::<Vec<_>>());
        rooms.sort();
        rooms
    }

    /// `socket.data`, whole.
    pub fn data(&self) -> Value {
        let data = self.socket(|socket| socket.data.clone());
        let read = |(key, value): (String, String)| (key, serde_json::from_str(&value).unwrap_or_default());
        Value::Object(data.into_iter().map(read).collect())
    }

    /// Disconnects from the namespace: `client namespace disconnect`.
    pub fn disconnect(&self) {
        self.scheduler.state().disconnect(self.index, reasons::CLIENT_NAMESPACE_DISCONNECT);
        self.scheduler.settle();
    }

    /// Ends the connection, and with it all sockets that it has: `transport close`, `ping timeout` and so on.
    pub fn close(&self, reason: &str) {
        let connection = self.connection();
        self.scheduler.state().close(connection, reason);
        self.scheduler.settle();
    }

    /// Whether the socket is neither connected nor refused.
    pub fn is_pending(&self) -> bool {
        self.socket(|socket| socket.state == SocketState::Pending)
    }

    /// Whether the socket is in the namespace.
    pub fn is_connected(&self) -> bool {
        self.socket(|socket| socket.state == SocketState::Joined)
    }

    /// Why the socket was refused.
    pub fn refused(&self) -> Option<ConnectError> {
        self.socket(|socket| socket.refused.clone())
    }

    /// Why the socket was disconnected, as the plugins got it.
    pub fn disconnect_reason(&self) -> Option<String> {
        self.socket(|socket| socket.reason.clone().filter(|_| socket.refused.is_none()))
    }

    #[expect(clippy::panic, reason = "it is an error in the test")]
    #[track_caller]
    fn push(&self, name: &str, args: impl Args, ack: Option<u64>) {
        let payload = match args.into_payload() {
            Ok(payload) => payload,
            Err(error) => panic!("{name}: {error}"),
        };
        assert!(
            !events::is_reserved(name),
            "{name:?} is a name that Socket.IO reserves, so no client emits it; `connect`, `disconnect` and `close` are methods here"
        );
        if self.is_pending() || checks::payload(&payload).is_err() {
            // No client emits before it is connected, and one that does, or sends more attachments than there may be or JSON that nests
            // too deep, is a client whose connection the host closes.
            return self.close(reasons::FORCED_CLOSE);
        }
        self.socket_mut(|socket| {
            if socket.state == SocketState::Joined {
                socket.queue.waiting.push_back(QueueItem::Event(IncomingEvent { name: name.to_owned(), payload, ack }));
            }
        });
        self.scheduler.settle();
    }

    /// The errors and warnings of the log, and what was refused silently, for the message of a test that fails.
    fn failures(&self) -> String {
        let state = self.scheduler.state();
        let lines = state.log.iter().filter(|line| matches!(&*line.level, "error" | "warn" | "debug"));
        lines.map(|line| format!("\nlog: {line}")).collect()
    }

    fn of(&self, event: ReceivedEvent) -> Received {
        let ReceivedEvent { name, payload, question } = event;
        Received { client: self.clone(), name, payload, question }
    }

    fn socket<T>(&self, read: impl FnOnce(&ServerSocket) -> T) -> T {
        read(&self.scheduler.state().sockets[self.index])
    }

    fn socket_mut<T>(&self, change: impl FnOnce(&mut ServerSocket) -> T) -> T {
        change(&mut self.scheduler.state().sockets[self.index])
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
    ///
    /// # Errors
    /// If an argument does not fit its type.
    pub fn read<A: Arguments>(&self) -> crate::Result<A> {
        self.payload.clone().read()
    }

    /// The bytes that the placeholders stand for.
    pub fn attachments(&self) -> &[Vec<u8>] {
        &self.payload.attachments
    }

    /// Whether the plugin asked for an ack.
    pub fn asks(&self) -> bool {
        self.question.is_some()
    }

    /// Acknowledges the event, as the client's callback does. A second ack, or one that comes too late, does nothing.
    ///
    /// # Panics
    /// If the plugin did not ask for an ack.
    #[expect(clippy::panic, reason = "it is an error in the test")]
    #[track_caller]
    pub fn ack(&self, args: impl Args) {
        let Some(question) = self.question else {
            panic!("the plugin asked for no ack of {:?}: it emitted it with `emit`, not with `emit_with_ack`", self.name)
        };
        match args.into_payload() {
            // As for an event that no client sends.
            Ok(payload) if checks::payload(&payload).is_err() => return self.client.close(reasons::FORCED_CLOSE),
            Ok(payload) => self.client.scheduler.state().questions[question].answer(self.client.index, payload),
            Err(error) => panic!("{}: {error}", self.name),
        }
        self.client.scheduler.settle();
    }
}

impl Ack {
    /// Whether the ack has not come.
    pub fn is_pending(&self) -> bool {
        self.client.socket(|socket| !socket.acks.contains_key(&self.id))
    }

    /// The first argument of the ack; all of them as a `Payload` or [`Spread`](crate::Spread).
    ///
    /// # Panics
    /// If the ack has not come, or is of another type.
    #[track_caller]
    pub fn value<T: Argument>(&self) -> T {
        self.read::<(T,)>().0
    }

    /// The arguments of the ack.
    ///
    /// # Panics
    /// If the ack has not come, or is of another type.
    #[expect(clippy::panic, reason = "a test says what it expects")]
    #[track_caller]
    pub fn read<A: Arguments>(&self) -> A {
        let (client, event) = (&self.client, &self.event);
        let Some(payload) = client.socket(|socket| socket.acks.get(&self.id).cloned()) else {
            panic!("there is no ack of {event:?}: {}; {client:?}{}", self.why_pending(), client.failures());
        };
        let text = payload.json().to_owned();
        match payload.read() {
            Ok(arguments) => arguments,
            Err(error) => panic!("the ack of {event:?} is {text}: {error}{}", client.failures()),
        }
    }

    /// Why the ack has not come, and what to do.
    fn why_pending(&self) -> String {
        let (state, event) = (self.client.scheduler.state(), &self.event);
        let socket = &state.sockets[self.client.index];
        let has_handler =
            state.chain(socket.node, &socket.namespace).iter().any(|plugin| plugin.handles(&socket.namespace, event));
        if socket.state == SocketState::Left {
            return "the socket has disconnected".to_owned();
        }
        if !has_handler {
            return format!("no plugin has a handler of it on {:?}; add one with `.on({event:?}, …)`", socket.namespace);
        }
        if !socket.queue.open.is_empty() {
            return "a handler of the socket still waits; let time pass with `Host::advance`, or let the client answer what it was asked, \
                    and read the ack of `emit_for_ack` then"
                .to_owned();
        }
        "its handler has returned without an answer; only `Reply`, or an `Ack` that the handler takes, answers".to_owned()
    }
}

fn array(payload: &Payload) -> Value {
    // What was sent is JSON.
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
        let received = self.socket(|socket| {
            let events = socket.inbox.iter().map(|event| format!("{} {}", event.name, event.payload.json()));
            events.collect::<Vec<_>>()
        });
        write!(out, "Client({}, received: {received:?})", self.id())
    }
}
