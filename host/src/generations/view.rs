//! Plugins and their generations, as operators see them.

use serde::Serialize;

use super::shelf::Kept;

/// A plugin, for operators.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PluginView {
    pub(crate) name: String,
    /// `serving`, `probation`, `paused`, `unloaded`.
    pub(crate) status: &'static str,
    /// The generation that serves.
    pub(crate) generation: Option<GenerationView>,
    /// Those before it that can be rolled back to, the last first.
    pub(crate) previous: Vec<GenerationView>,
    /// The components that served and are kept on disk, the last first, what serves included.
    pub(crate) kept: Vec<Kept>,
    /// How often a generation was taken back in its probation.
    pub(crate) rollbacks: u64,
    /// Why the last change was refused or taken back, until the next one.
    pub(crate) last_problem: Option<String>,
}

/// One loaded version of a plugin, for operators.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GenerationView {
    pub(crate) number: u64,
    /// SHA-256 of the component, in hexadecimal digits.
    pub(crate) digest: String,
    /// `pooled` or `shared`.
    pub(crate) mode: &'static str,
    /// What made the component.
    pub(crate) sdk: String,
    pub(crate) namespaces: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    /// When it began to serve, in milliseconds since 1970 (UTC).
    pub(crate) since_ms: u64,
}
