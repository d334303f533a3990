//! Flags of emits and targets. The list is open.

/// This node only.
pub const LOCAL: &str = "local";
/// Dropped for a client that is not ready to receive.
pub const VOLATILE: &str = "volatile";
