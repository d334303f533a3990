//! The id of an Engine.IO session.
//!
//! A session id is a secret: a request that has it acts for the client. It begins with the name of its node, which is none, and has 96 bits
//! from the system's generator behind that. It is never logged, and has nothing to do with the ids of sockets, which applications show to
//! all users.

use crate::node::NodeName;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const SESSION_ID_BYTES: usize = 15;
const SESSION_ID_CHARS: usize = 20;

/// The id of a session: `sid` on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionId([u8; SESSION_ID_BYTES]);

impl SessionId {
    /// A new id of this node; `None` when the system's generator fails.
    pub(super) fn random(node: NodeName) -> Option<Self> {
        let mut bytes = [0; SESSION_ID_BYTES];
        let (name, secret) = bytes.split_first_chunk_mut()?;
        *name = node.bytes();
        getrandom::fill(secret).ok()?;
        Some(Self(bytes))
    }

    /// The node whose session it is.
    pub(super) fn node(&self) -> NodeName {
        let [first, second, third, ..] = self.0;
        NodeName::of_bytes([first, second, third])
    }

    /// Reads the text form that a client sends.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != SESSION_ID_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The text form that a client reads.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeName, SessionId};

    #[test]
    fn a_session_id_has_twenty_characters_and_reads_back() {
        assert!(SessionId::parse("").is_none());
        assert!(SessionId::parse("!!!!!!!!!!!!!!!!!!!!").is_none());
        assert!(SessionId::parse("AAAAAAAAAAAAAAAAAAAAAAAA").is_none());
        let node = NodeName::parse("web1").unwrap();
        let session_id = SessionId::random(node).unwrap();
        assert!(session_id.text().starts_with("web1") && session_id.node() == node);
        assert_eq!(session_id.text().len(), 20);
        assert!(SessionId::parse(&session_id.text()) == Some(session_id));
        assert!(SessionId::random(node) != Some(session_id));
    }
}
