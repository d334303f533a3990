//! The handshake of a socket, as `socket.handshake` shows it.

use std::sync::Arc;

use crate::request::Request;

/// The request that opened the connection, and what the client sent to connect to the namespace.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// Shared by all sockets of the connection.
    pub(crate) request: Arc<Request>,
    /// `auth` of the CONNECT packet: a JSON object.
    pub(crate) auth: Option<Box<str>>,
    /// Milliseconds since 1970.
    pub(crate) issued_ms: u64,
}
