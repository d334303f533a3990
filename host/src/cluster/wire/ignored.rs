//! Why a message of another node is ignored.

/// Why a message of another node is ignored.
#[derive(Debug, thiserror::Error)]
pub(in crate::cluster) enum Ignored {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Msgpack(#[from] crate::msgpack::DecodeError),
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("{0}")]
    Refused(&'static str),
    #[error("requests of the type {0} are unknown here")]
    UnknownType(u64),
}
