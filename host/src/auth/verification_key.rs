//! One key, with the algorithms that it is used with.

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, crypto};

/// Shorter secrets can be guessed.
const SECRET_BYTES_GOOD: usize = 32;

/// One key.
pub(super) struct VerificationKey {
    /// The `kid` by which tokens name it.
    pub(super) id: Option<String>,
    pub(super) key: DecodingKey,
    /// The only ones that it is used with. At least one.
    pub(super) algorithms: Vec<Algorithm>,
}

impl VerificationKey {
    /// A key of the configuration's key `name`, with those of the algorithms, or of all that there are, that go with it. None if no
    /// algorithm does.
    pub(super) fn new(name: &str, id: Option<String>, key: DecodingKey, algorithms: &[Algorithm]) -> Option<Self> {
        let family = key.family();
        let asked = if algorithms.is_empty() { family.algorithms() } else { algorithms };
        let algorithms: Vec<_> = asked.iter().copied().filter(|algorithm| fits(&key, *algorithm)).collect();
        let is_short = |secret: &[u8]| secret.len() < SECRET_BYTES_GOOD;
        if family == AlgorithmFamily::Hmac && key.try_get_as_bytes().is_ok_and(is_short) {
            tracing::warn!(key = name, "this secret is shorter than {SECRET_BYTES_GOOD} bytes and can be guessed");
        }
        (!algorithms.is_empty()).then_some(Self { id, key, algorithms })
    }
}

/// Whether the key can be used with the algorithm at all: its family, its curve. The signature that is tried here need not match.
pub(super) fn fits(key: &DecodingKey, algorithm: Algorithm) -> bool {
    key.family() == algorithm.family() && crypto::verify("AAAA", b"", key, algorithm).is_ok()
}
