//! What a client receives about a call that failed.

use innkeeper_contract::{codes, refusals};

/// The code, the message and the data that a client may see. What only the log may hold is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    /// JSON.
    pub(crate) data: Option<String>,
}

impl Failure {
    /// The failure of a plugin that broke: the cause is for the log alone.
    pub(crate) fn neutral() -> Self {
        Self::new(codes::INTERNAL_ERROR, refusals::INTERNAL_ERROR)
    }

    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { code: code.into(), message: message.into(), data: None }
    }

    /// Bytes of its texts.
    pub(crate) fn len(&self) -> usize {
        self.code.len() + self.message.len() + self.data.as_ref().map_or(0, String::len)
    }

    /// Whether the failure is silent: a failed event is logged, and the client gets nothing.
    pub(crate) fn is_silent(&self) -> bool {
        self.code == codes::SILENT
    }
}
