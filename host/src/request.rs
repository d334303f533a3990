//! The HTTP request that opened a connection: the parts of it that the handshake shows to plugins.

use std::net::IpAddr;

/// The request of a handshake. Compact, because an idle connection keeps it.
#[derive(Debug)]
pub(crate) struct Request {
    /// Names in lower case, and values, in the order received.
    pub(crate) headers: Vec<(Box<str>, Box<str>)>,
    /// Path and query as they stood in the request line.
    pub(crate) url: Box<str>,
    /// The query, percent-decoded.
    pub(crate) query: Vec<(Box<str>, Box<str>)>,
    /// The peer of the TCP connection.
    pub(crate) address: IpAddr,
    /// Whether the connection is encrypted. Always false, because TLS ends at a proxy.
    pub(crate) secure: bool,
}
