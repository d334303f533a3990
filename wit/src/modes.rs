//! Modes of a plugin.

/// An instance serves one call at a time, and its memory is a cache.
pub const POOLED: &str = "pooled";
/// An instance serves many open calls, and its memory lives as long as the instance does.
pub const SHARED: &str = "shared";
