//! The id of a socket: as long and as hard to guess as those of Node's server.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const RANDOM_BYTES: usize = 15;
const LENGTH: usize = 20;

/// 20 characters out of `A-Z a-z 0-9 - _`, out of 15 bytes of the system's CSPRNG.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SocketId([u8; LENGTH]);

impl SocketId {
    /// A new id. Fails only if the system gives no randomness.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        let mut id = [b'A'; LENGTH];
        // 15 bytes are 20 characters exactly: it always fits.
        let _ = URL_SAFE_NO_PAD.encode_slice(random, &mut id);
        Ok(Self(id))
    }

    /// The id with this text, if the text can be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let id: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).then_some(Self(id))
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::SocketId;

    #[test]
    fn an_id_is_random_and_survives_its_text() {
        let (one, other) = (SocketId::random().unwrap(), SocketId::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 20);
        assert_eq!(SocketId::parse(one.as_str()), Some(one));
        for text in ["", "room-123", "aaaaaaaaaaaaaaaaaaa\"", "aaaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(SocketId::parse(text), None, "{text}");
        }
    }
}
