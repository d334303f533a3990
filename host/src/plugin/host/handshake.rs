//! The handshake of a socket, as far as a guest requests it and may see it.

use innkeeper_contract::{capabilities, fields};

use crate::adapter::Socket;

/// The parts of a handshake that are copied only on request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HandshakeFields {
    pub(crate) address: bool,
    pub(crate) query: bool,
    pub(crate) url: bool,
    pub(crate) headers: bool,
    pub(crate) auth: bool,
}

/// A copy of a handshake. What was not requested is empty, or none.
#[derive(Debug, Default)]
pub(crate) struct GuestHandshake {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) auth: Option<String>,
    pub(crate) address: String,
    pub(crate) url: String,
    pub(crate) issued_ms: u64,
    pub(crate) secure: bool,
    pub(crate) xdomain: bool,
}

impl HandshakeFields {
    /// The parts of these names; unknown names are ignored.
    pub(crate) fn parse(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|field| field == name);
        Self {
            address: has(fields::ADDRESS),
            query: has(fields::QUERY),
            url: has(fields::URL),
            headers: has(fields::HEADERS),
            auth: has(fields::AUTH),
        }
    }
}

impl GuestHandshake {
    /// `with_secrets`: whether the guest may see what proves an identity.
    pub(super) fn of(socket: &Socket, fields: HandshakeFields, with_secrets: bool) -> Self {
        let from = socket.handshake();
        let request = &*from.request;
        let pair = |(name, value): &(Box<str>, Box<str>)| (name.to_string(), value.to_string());
        let may_see = |(name, _): &&(Box<str>, Box<str>)| with_secrets || !capabilities::SECRET_HEADERS.contains(&&**name);
        let headers = request.headers.iter().filter(|_| fields.headers).filter(may_see);
        Self {
            headers: headers.map(pair).collect(),
            query: request.query.iter().filter(|_| fields.query).map(pair).collect(),
            auth: from.auth.as_deref().filter(|_| fields.auth && with_secrets).map(Into::into),
            address: if fields.address { request.address.to_string() } else { String::new() },
            url: if fields.url { request.url.to_string() } else { String::new() },
            issued_ms: from.issued_ms,
            secure: request.secure,
            xdomain: request.headers.iter().any(|(name, _)| **name == *"origin"),
        }
    }

    /// Bytes of the texts in it.
    pub(super) fn len(&self) -> usize {
        let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let auth = self.auth.as_ref().map_or(0, String::len);
        pairs(&self.headers) + pairs(&self.query) + auth + self.address.len() + self.url.len()
    }
}
