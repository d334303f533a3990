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

/// What takes the place of a handler of an event whose name is reserved. It completes a sentence about that handler.
pub fn instead_of_handler(reserved: &str) -> &'static str {
    match reserved {
        "connect" => "the hook for it is `connection` (in Rust `.connection(fn)`)",
        "disconnect" => "the hook for it is `disconnect` (in Rust `.disconnect(fn)`)",
        "disconnecting" => "the hook for it is `disconnecting` (in Rust `.disconnecting(fn)`)",
        _ => "no client can emit it",
    }
}

/// Whether Socket.IO reserves this name of an event between servers.
pub fn is_reserved_between_servers(name: &str) -> bool {
    RESERVED_BETWEEN_SERVERS.contains(&name)
}
