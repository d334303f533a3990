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

/// A copy of a handshake, or of parts of one: of this node's sockets what a guest requests, of another node's what that node told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HandshakeCopy {
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    /// A JSON object.
    pub(crate) auth: Option<String>,
    pub(crate) address: String,
    pub(crate) url: String,
    pub(crate) issued_ms: u64,
    pub(crate) secure: bool,
    pub(crate) xdomain: bool,
}

impl HandshakeCopy {
    /// Bytes of the texts in it.
    pub(crate) fn len(&self) -> usize {
        let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let auth = self.auth.as_ref().map_or(0, String::len);
        pairs(&self.headers) + pairs(&self.query) + auth + self.address.len() + self.url.len()
    }
}
