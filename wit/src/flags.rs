//! Flags of emits and targets. The list is open.

/// Of a target of an emit: its namespace is the text of a pattern, and means all namespaces that the plugin serves by it.
pub const PATTERN: &str = "pattern";
/// This node only.
pub const LOCAL: &str = "local";
/// Dropped for a client that is not ready to receive.
pub const VOLATILE: &str = "volatile";
