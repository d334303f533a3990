//! Kinds of a start and of a connection.

/// Of a start: no generation served before. Of a connection: the socket is new.
pub const NEW: &str = "new";
/// Of a start: another generation served before.
pub const SWAPPED: &str = "swapped";
/// Of a start: the instance before this one is gone.
pub const RESTARTED: &str = "restarted";
/// Of a connection: after a short loss of connection.
pub const RECOVERED: &str = "recovered";
/// Of a connection: the socket was there before the plugin.
pub const RESUMED: &str = "resumed";
