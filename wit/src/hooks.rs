//! Names of hooks: the exports that a registration lets the host call.

/// Before anything else is entered.
pub const START: &str = "start";
/// Of a plugin that sets timers.
pub const TIMER: &str = "timer";
/// State is handed to the next generation.
pub const SNAPSHOT: &str = "snapshot";

/// Before a socket is connected to its namespace.
pub const CONNECT_MIDDLEWARE: &str = "connect-middleware";
/// A socket is connected to its namespace.
pub const CONNECTION: &str = "connection";
/// Before the handlers of an event.
pub const EVENT_MIDDLEWARE: &str = "event-middleware";
/// A socket has disconnected, and its rooms can be read.
pub const DISCONNECTING: &str = "disconnecting";
/// A socket has disconnected.
pub const DISCONNECT: &str = "disconnect";

/// What stands in front of the name of a notice: `notice:upgrade`.
pub const NOTICE_PREFIX: &str = "notice:";

/// Hooks that belong to no namespace.
pub const OF_PLUGIN: [&str; 3] = [START, TIMER, SNAPSHOT];
/// Hooks that belong to a namespace.
pub const OF_NAMESPACE: [&str; 5] = [CONNECT_MIDDLEWARE, CONNECTION, EVENT_MIDDLEWARE, DISCONNECTING, DISCONNECT];

/// The name of the notice that a hook subscribes to, if it is such a hook.
pub fn notice(hook: &str) -> Option<&str> {
    hook.strip_prefix(NOTICE_PREFIX).filter(|name| !name.is_empty())
}
