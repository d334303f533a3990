//! A client before it connects.

use super::client::Client;
use super::connect_error::ConnectError;
use super::ids::NodeIndex;
use super::scheduler::Scheduler;
use super::server_socket::ServerSocket;
use crate::host::Handshake;
use crate::runtime::id_of;
use innkeeper_contract::limits::AUTH_BYTES_MAX;
use innkeeper_contract::refusals::{AUTH_TOO_LARGE, INVALID_NAMESPACE};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// A client that is to connect: its handshake, and then [`connect`](Self::connect).
#[must_use = "nothing happens before `connect` or `begin`"]
pub struct Connecting {
    scheduler: Arc<Scheduler>,
    node: NodeIndex,
    namespace: String,
    connection: Option<usize>,
    auth: Option<String>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    address: String,
}

impl Connecting {
    pub(super) fn new(scheduler: Arc<Scheduler>, node: NodeIndex, namespace: &str) -> Self {
        Self {
            scheduler,
            node,
            namespace: namespace.to_owned(),
            connection: None,
            auth: None,
            query: vec![("EIO".into(), "4".into()), ("transport".into(), "websocket".into())],
            headers: vec![("host".into(), "localhost".into())],
            address: "127.0.0.1".into(),
        }
    }

    /// `auth` of the client, an object. A plugin sees it if the plugin requested `handshake:secrets`.
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

    /// The address of the client.
    pub fn address(mut self, address: &str) -> Self {
        self.address = address.to_owned();
        self
    }

    /// Uses the connection of another client, as a client on two namespaces does.
    ///
    /// # Panics
    /// If that one is connected to another node.
    #[track_caller]
    pub fn over(mut self, other: &Client) -> Self {
        assert_eq!(self.node, other.node(), "a connection leads to one node: the two clients have to be of the same");
        self.connection = Some(other.connection());
        self
    }

    /// Connects.
    ///
    /// # Panics
    /// If the client is neither connected nor refused, because connect middleware or a `connection` handler waits: then use
    /// [`begin`](Self::begin).
    ///
    /// # Errors
    /// If the client was refused.
    #[expect(clippy::panic, reason = "it is an error in the test, and says what to do")]
    #[track_caller]
    pub fn connect(self) -> Result<Client, ConnectError> {
        let namespace = self.namespace.clone();
        let client = self.begin();
        match client.refused() {
            Some(error) => Err(error),
            None if client.is_pending() => panic!(
                "connecting to {namespace:?} waits for something: use `begin` instead of `connect`, then let time pass with `Host::advance`, \
                 or let a client answer"
            ),
            None => Ok(client),
        }
    }

    /// Connects, and returns at once: [`is_connected`](Client::is_connected) and [`refused`](Client::refused) say whether it has connected.
    pub fn begin(self) -> Client {
        let scheduler = self.scheduler.clone();
        let index = {
            let mut state = scheduler.state();
            let connection = self.connection.unwrap_or_else(|| {
                state.connections += 1;
                state.connections
            });
            let id = id_of(&state.random.bytes(20));
            let refused = self.refused_by_host(state.has_namespace(self.node, &self.namespace));
            let (namespace, is_refused) = (self.namespace.clone(), refused.is_some());
            let node = self.node;
            let mut socket = ServerSocket::new(node, id, namespace, connection, self.handshake(state.now_ms()), is_refused);
            socket.refused = refused.map(|message| ConnectError { message: message.to_owned(), data: None });
            state.sockets.push(socket);
            state.sockets.len() - 1
        };
        scheduler.settle();
        Client::new(scheduler, index)
    }

    /// Why the host itself refuses the client, if it does.
    fn refused_by_host(&self, is_known: bool) -> Option<&'static str> {
        if !is_known {
            return Some(INVALID_NAMESPACE);
        }
        self.auth.as_ref().filter(|auth| auth.len() > AUTH_BYTES_MAX).map(|_| AUTH_TOO_LARGE)
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

impl fmt::Debug for Connecting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Connecting({})", self.namespace)
    }
}
