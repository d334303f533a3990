//! Disconnect reasons, as handlers of `disconnect` get them.

/// The client disconnected from the namespace with `socket.disconnect()`.
pub const CLIENT_NAMESPACE_DISCONNECT: &str = "client namespace disconnect";
/// A plugin disconnected the socket.
pub const SERVER_NAMESPACE_DISCONNECT: &str = "server namespace disconnect";
/// The host ends.
pub const SERVER_SHUTTING_DOWN: &str = "server shutting down";
/// The connection was closed.
pub const TRANSPORT_CLOSE: &str = "transport close";
/// The connection broke.
pub const TRANSPORT_ERROR: &str = "transport error";
/// The client did not answer a ping in time.
pub const PING_TIMEOUT: &str = "ping timeout";
/// The client sent what is not the protocol.
pub const PARSE_ERROR: &str = "parse error";
/// The server closed the connection by force.
pub const FORCED_CLOSE: &str = "forced close";
/// Of this server alone: the client does not read what is sent to it.
pub const SLOW_CONSUMER: &str = "slow consumer";
/// Of this server alone: the client sends faster than its events are handled, without end.
pub const INBOUND_LIMIT: &str = "inbound limit";
