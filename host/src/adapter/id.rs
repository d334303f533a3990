//! The id of a socket: as long and as hard to guess as those of Node's server.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

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

/// The hash of tables whose keys are ids.
pub(super) type IdHash = BuildHasherDefault<IdHasher>;

/// Hashes the ids of sockets. They are random already: their last bytes are as good as any hash of them, and no client can
/// choose one.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // An array hashes its length first and then its bytes: the last write of 8 bytes or more counts.
        if let Some((_, tail)) = bytes.split_at_checked(bytes.len().saturating_sub(8))
            && let Ok(tail) = tail.try_into()
        {
            // Characters have idle bits: multiply, and fold the high half, which all of them reach, onto the low one.
            let mixed = u64::from_le_bytes(tail).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.0 = mixed ^ (mixed >> 32);
        }
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
