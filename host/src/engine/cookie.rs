//! The cookie of a handshake: the session's id, for load balancers that keep a client on one node by it.

use hyper::header::HeaderValue;

use super::registry::SessionId;

/// Everything about the cookie but its value.
#[derive(Clone, Debug)]
pub(crate) struct Cookie {
    name: String,
    attributes: String,
}

impl Cookie {
    /// `attributes` begin with `; `. Both are the operator's and have been checked.
    pub(crate) fn new(name: &str, attributes: &str) -> Self {
        Self { name: name.to_owned(), attributes: attributes.to_owned() }
    }

    /// The header for this session.
    pub(super) fn header(&self, session_id: &SessionId) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{}={}{}", self.name, session_id.text(), self.attributes)).ok()
    }
}
