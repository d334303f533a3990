//! `socket.handshake`: how a client connected.

use crate::error::{Error, Result};
use crate::host;
use crate::json;
use serde::de::DeserializeOwned;

/// The request that opened the connection, and what the client sent along. It can be emitted: as JSON it is what `socket.handshake` is in
/// Node.
#[derive(Clone, Debug)]
pub struct Handshake {
    inner: host::Handshake,
}

impl Handshake {
    /// A header of the request, by its name in lower case. `cookie` and `authorization` need the capability `handshake:secrets`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All headers, in the order received.
    pub fn headers(&self) -> &[(String, String)] {
        &self.inner.headers
    }

    /// A parameter of the request's URL; of several of this name the last one, as in Node.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.inner.query.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All parameters of the request's URL, in the order received.
    pub fn queries(&self) -> &[(String, String)] {
        &self.inner.query
    }

    /// `handshake.auth[key]`: `None` without the capability `handshake:secrets`.
    ///
    /// ```no_run
    /// # fn f(socket: &innkeeper_plugin::Socket) -> innkeeper_plugin::Result<()> {
    /// let token: String = socket.handshake()?.auth("token")?.ok_or("No token")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the value is of another type.
    pub fn auth<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let value = self.inner.auth.as_deref().map_or(Ok(None), |auth| json::member(auth, key));
        // It is the client's own.
        value.map_err(|error| Error::invalid_argument(format!("auth: {}", error.message())))
    }

    /// The whole `handshake.auth`.
    ///
    /// # Errors
    /// If `auth` is of another type.
    pub fn auth_all<T: DeserializeOwned>(&self) -> Result<T> {
        let auth = self.inner.auth.as_deref().unwrap_or("{}");
        json::read(auth).map_err(|error| Error::invalid_argument(format!("auth: {error}")))
    }

    /// The client's address, without port.
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// The request's target, as received.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// When the socket was made, in milliseconds since 1970 (UTC).
    pub fn issued_ms(&self) -> u64 {
        self.inner.issued_ms
    }

    /// Whether the connection came over TLS.
    pub fn secure(&self) -> bool {
        self.inner.secure
    }

    /// Whether the request came from another origin.
    pub fn xdomain(&self) -> bool {
        self.inner.xdomain
    }
}

impl Default for Handshake {
    /// An empty handshake: that of a fetched socket for which none was requested.
    fn default() -> Self {
        Self {
            inner: host::Handshake {
                headers: Vec::new(),
                query: Vec::new(),
                auth: None,
                address: String::new(),
                url: String::new(),
                issued_ms: 0,
                secure: false,
                xdomain: false,
            },
        }
    }
}

impl From<host::Handshake> for Handshake {
    fn from(inner: host::Handshake) -> Self {
        Self { inner }
    }
}
