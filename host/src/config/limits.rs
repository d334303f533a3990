//! The bounds of the host, each with a default and its reason. None can be switched off; all can be raised.

use std::time::Duration;

/// `[limits]`: what one connection, one call or the whole host may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes queued to one connection; past it the client is a slow consumer and is disconnected. Default 16 MiB: 20,000
    /// small emits from one handler must pass, and a hundred stuck clients must not take the machine.
    pub outbox_bytes_max: usize,
    /// Events received and not yet handled, per connection, above which reading pauses. Default 1,000.
    pub inbound_high_events: usize,
    /// The same in bytes. Default 1 MiB, one message of the largest size.
    pub inbound_high_bytes: usize,
    /// Events received and not yet handled at which the client is disconnected. Default 20,000: what one client sends at
    /// once (10,000) must pass.
    pub inbound_max_events: usize,
    /// The same in bytes. Default 8 MiB; at least one message of the largest size.
    pub inbound_max_bytes: usize,
    /// Binary attachments of one packet. Default 10, as in Socket.IO's parser.
    pub attachments_max: usize,
    /// Namespaces that one connection may join. Default 100.
    pub namespaces_per_connection_max: usize,
    /// Writes that one call may record. Default 50,000: an emit to each of 20,000 sockets must pass.
    pub writes_per_call_max: usize,
    /// The same in bytes. Default 8 MiB, half of an outbox, so that one call alone cannot make a slow consumer.
    pub write_bytes_per_call_max: usize,
    /// Calls of one socket that may be open (waiting) at once. Default 16.
    pub open_calls_per_socket: usize,
    /// Rooms that one socket may be in, its own included. Default 1,000.
    pub rooms_per_socket_max: usize,
    /// Bytes of one socket's `data` as JSON. Default 64 KiB: it travels with every `fetchSockets`.
    pub data_bytes_max: usize,
    /// Acks of one socket that have been promised and not sent. Default 20,000, as many as events may wait.
    pub open_acks_per_socket_max: usize,
    /// Log lines of one call; what is more is counted and dropped. Default 100.
    pub log_lines_per_call_max: usize,
    /// Keys of one plugin whose rate-limit windows are open. Default 1,000,000, some 150 MB: more than the sockets, users and
    /// addresses of a minute on one machine.
    pub rate_limit_keys_max: usize,
    /// How long a shutdown waits for open calls and queued writes. Default 10 s, well inside the 30 s of Kubernetes.
    pub drain_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outbox_bytes_max: 16 << 20,
            inbound_high_events: 1_000,
            inbound_high_bytes: 1 << 20,
            inbound_max_events: 20_000,
            inbound_max_bytes: 8 << 20,
            attachments_max: 10,
            namespaces_per_connection_max: 100,
            writes_per_call_max: 50_000,
            write_bytes_per_call_max: 8 << 20,
            open_calls_per_socket: 16,
            rooms_per_socket_max: 1_000,
            data_bytes_max: 64 << 10,
            open_acks_per_socket_max: 20_000,
            log_lines_per_call_max: 100,
            rate_limit_keys_max: 1_000_000,
            drain_deadline: Duration::from_secs(10),
        }
    }
}
