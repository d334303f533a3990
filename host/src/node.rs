//! The name of a node: one server process of a cluster.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes of a name: four characters of base64url.
const BYTES: usize = 3;

/// Four characters out of `A-Z a-z 0-9 - _`. It is no secret: the ids of the node's sessions begin with it, so that a load balancer can send
/// a client back to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeName([u8; BYTES]);

impl NodeName {
    /// A name that most likely no other node has; `None` when the system's generator fails.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The name of these characters.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The name as the first bytes of a longer id, which is base64url as well.
    pub(crate) fn bytes(self) -> [u8; BYTES] {
        self.0
    }

    /// The name with which such an id begins.
    pub(crate) fn of_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

#[cfg(test)]
mod tests {
    use super::NodeName;

    #[test]
    fn a_name_has_four_characters() {
        for name in ["web1", "a-_Z", "0000"] {
            assert_eq!(NodeName::parse(name).unwrap().to_string(), name);
        }
        for wrong in ["", "web", "web10", "we b", "wéb", "web="] {
            assert!(NodeName::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(NodeName::random().unwrap().to_string().len(), 4);
    }
}
