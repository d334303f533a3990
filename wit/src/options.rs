//! Options of registrations and settings. Each list is open.

/// Of a namespace: its name is a regular expression.
pub const PATTERN: &str = "pattern";
/// Of an event: the socket's next event may start while this handler waits.
pub const OVERTAKABLE: &str = "overtakable";
/// Of a namespace: the socket's first event may start while `connection` waits.
pub const OVERTAKABLE_CONNECTION: &str = "overtakable-connection";
/// Of a timer: an equal one that is set already is left alone.
pub const KEEP: &str = "keep";
/// Of a plugin, with the value [`EAGER`]: connected sockets are resumed right after a swap, and not before their next event.
pub const RESUME: &str = "resume";
/// A value of [`RESUME`].
pub const EAGER: &str = "eager";
/// Of a plugin, with the value [`KEEP`]: a rollback takes the state of the generation that failed over.
pub const ROLLBACK_STATE: &str = "rollback-state";
