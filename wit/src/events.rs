//! Names of events that Socket.IO reserves.

/// Names that no client and no plugin emits.
pub const RESERVED: [&str; 6] = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Names that `io.serverSideEmit` does not take.
pub const RESERVED_BETWEEN_SERVERS: [&str; 3] = ["connect", "connection", "new_namespace"];

/// The event that a client gets of a failed event for which it asked no ack.
pub const ERROR: &str = "error";

/// Whether Socket.IO reserves this name of an event.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Whether Socket.IO reserves this name of an event between servers.
pub fn is_reserved_between_servers(name: &str) -> bool {
    RESERVED_BETWEEN_SERVERS.contains(&name)
}
