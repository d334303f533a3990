//! The cookie of a handshake: the session's id, for load balancers that keep a client on one node by a cookie.

use hyper::header::HeaderValue;

use super::session_id::SessionId;

/// The cookie's name and attributes; its value is the session's id.
#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// `attributes` begin with `; `. Both texts come from the configuration, which has checked them.
    pub(crate) fn new(name: &str, attributes: &str) -> Self {
        Self { name: name.to_owned(), attributes: attributes.to_owned() }
    }

    /// The value of `Set-Cookie` for this session.
    pub(super) fn header(&self, session_id: &SessionId) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{}={}{}", self.name, session_id.text(), self.attributes)).ok()
    }
}
