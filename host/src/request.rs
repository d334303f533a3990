//! The HTTP request that opened a connection, as far as anybody asks for it later.

use std::net::IpAddr;

/// Compact, because an idle connection keeps it.
#[derive(Debug)]
pub(crate) struct Request {
    /// Names in lower case, in the order received.
    pub(crate) headers: Vec<(Box<str>, Box<str>)>,
    /// Path and query as they stood in the request line.
    pub(crate) url: Box<str>,
    /// The query, percent-decoded.
    pub(crate) query: Vec<(Box<str>, Box<str>)>,
    /// The peer of the TCP connection.
    pub(crate) address: IpAddr,
    /// Whether the connection is encrypted. Always false: TLS ends before us.
    pub(crate) secure: bool,
}
