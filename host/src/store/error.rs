//! Why an operation of the store failed.

use std::path::PathBuf;

use innkeeper_contract::{Refusal, codes};

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// The operation is refused: something in it is too large, or the value that is there is no number.
    #[error("{0}")]
    Refused(Refusal),

    /// Disk or file failed, and the log says how. A write that was open at that time has happened or has not.
    #[error("the store cannot do it now; the host's log says why")]
    Unavailable,

    /// The file cannot be opened; nothing in it was changed.
    #[error("store {}: {what}; {remedy}", path.display())]
    Open { path: PathBuf, what: String, remedy: &'static str },

    /// Another program has the file open.
    #[error("store {}: {by} has it open; stop that first, or give each server a file of its own with path in [store]", path.display())]
    InUse { path: PathBuf, by: String },

    /// The seed file is not what it must be.
    #[error("seed {}: {what}", path.display())]
    Seed { path: PathBuf, what: String },
}

impl StoreError {
    /// The code that a plugin sees.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Unavailable | Self::Open { .. } | Self::InUse { .. } | Self::Seed { .. } => codes::UNAVAILABLE,
        }
    }
}
