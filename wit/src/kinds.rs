//! Kinds of a start and of a connection.

/// Of a start: no generation served before. Of a connection: the socket is new.
pub const NEW: &str = "new";
/// Of a start: another generation served before.
pub const SWAPPED: &str = "swapped";
/// Of a start: the instance before this one was lost.
pub const RESTARTED: &str = "restarted";
/// Of a connection: after a short loss of connection.
pub const RECOVERED: &str = "recovered";
/// Of a connection: the socket was connected before the plugin served it.
pub const RESUMED: &str = "resumed";
