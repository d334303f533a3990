//! Refused connections.

use serde_json::Value;
use std::fmt;

/// A refused connection: what the client gets with `connect_error`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectError {
    /// `error.message`.
    pub message: String,
    /// `error.data`.
    pub data: Option<Value>,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for ConnectError {}
