//! The bounds of one compilation.

use std::time::Duration;

/// What one compilation may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CompileLimits {
    pub(crate) memory_bytes: usize,
    /// Time of one core.
    pub(crate) cpu: Duration,
}
