//! Why a key cannot be used, and why a token is refused.

use std::path::PathBuf;

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("keys.{key}: cannot read {}: {source}", path.display())]
    Read { key: String, path: PathBuf, source: std::io::Error },

    #[error("keys.{key}: {} {what}", path.display())]
    Unfit { key: String, path: PathBuf, what: String },

    #[error("keys.{key}: the algorithm {algorithm:?} does not go with this key")]
    Algorithm { key: String, algorithm: String },
}

/// Why a token was refused. The sentences are for the operator, not for the bearer of the token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("there is no key {0:?} in the configuration")]
    UnknownKey(String),

    /// `exp`, in seconds since 1970.
    #[error("it has expired")]
    Expired { at: f64 },

    /// `nbf`, in seconds since 1970.
    #[error("it is not valid yet")]
    NotBefore { from: f64 },

    /// The signature does not match, or its algorithm is not one of the key's.
    #[error("{0}")]
    Signature(String),

    /// `iss`, `aud`, `exp` or `nbf` is not what it must be.
    #[error("{0}")]
    Claims(String),

    /// None of the keys under this name is the one that the token names.
    #[error("{0}")]
    Key(String),

    /// The text is not a token.
    #[error("{0}")]
    Invalid(String),
}
