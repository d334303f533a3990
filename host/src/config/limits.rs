//! The bounds of the host. None of those that have a default can be switched off; all can be raised. What each is for, and why its default is what it is,
//! stands in [`KEYS`].

use std::ops::RangeInclusive;
use std::time::Duration;

use innkeeper_contract::defaults;

use super::field::Field::{Bytes, Count, Duration as Time, OptionalCount};
use super::field::{BYTES, COUNTS, DURATIONS};
use super::key_spec::KeySpec;

/// Where the length of a head may lie: hyper reads no more than 400 kB before the head's end.
const HEAD_BYTES: RangeInclusive<usize> = 1_024..=256 << 10;

/// Below it a compiler does not even start.
const COMPILE_BYTES: RangeInclusive<usize> = 64 << 20..=64 << 30;
/// The system counts the time of a process in seconds.
const COMPILE_TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3_600);

/// `[limits]`: what one connection, one call or the whole host may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections of all clients together.
    pub connections_max: usize,
    /// Connections of one address.
    pub connections_per_address_max: usize,
    /// Sessions of all clients together.
    pub sessions_max: usize,
    /// Sessions of one address.
    pub sessions_per_address_max: usize,
    /// Handshakes of one address in a second.
    pub handshakes_per_second_max: usize,
    /// Namespaces that one connection may be refused.
    pub refused_connects_max: usize,
    /// Events of one connection in a second; `None`: any number.
    pub events_per_second_max: Option<usize>,
    /// Bytes of the head of one HTTP request.
    pub request_head_bytes_max: usize,
    /// Bytes queued to one connection.
    pub outbox_bytes_max: usize,
    /// Bytes that wait for all connections, and of them, together.
    pub waiting_bytes_max: usize,
    /// The same for the connections of one address.
    pub waiting_bytes_per_address_max: usize,
    /// Events received and not yet handled, per connection, above which reading pauses.
    pub inbound_high_events: usize,
    /// The same in bytes.
    pub inbound_high_bytes: usize,
    /// Events received and not yet handled at which the client is disconnected.
    pub inbound_max_events: usize,
    /// The same in bytes.
    pub inbound_max_bytes: usize,
    /// Binary attachments of one packet.
    pub attachments_max: usize,
    /// Namespaces that one connection may join.
    pub namespaces_per_connection_max: usize,
    /// Writes that one call may record.
    pub writes_per_call_max: usize,
    /// The same in bytes.
    pub write_bytes_per_call_max: usize,
    /// Calls of one socket that may be open (waiting) at once.
    pub open_calls_per_socket: usize,
    /// Rooms that one socket may be in, its own included.
    pub rooms_per_socket_max: usize,
    /// Bytes of one socket's `data` as JSON.
    pub data_bytes_max: usize,
    /// Sockets that the broadcasts, joins and leaves of one call reach, each as often as it is reached.
    pub deliveries_per_call_max: usize,
    /// Bytes that the host holds for all calls of one plugin together.
    pub plugin_bytes_max: usize,
    /// Acks of one socket that have been promised and not sent.
    pub open_acks_per_socket_max: usize,
    /// Log lines of one call; what is more is counted and dropped.
    pub log_lines_per_call_max: usize,
    /// Bytes of the log that the lines of one plugin take in a day.
    pub log_bytes_per_day_max: usize,
    /// Keys of one plugin whose rate-limit windows are open.
    pub rate_limit_keys_max: usize,
    /// Bytes of the file of one component.
    pub component_bytes_max: usize,
    /// Bytes of memory that compiling one component may take.
    pub compile_memory_bytes_max: usize,
    /// Time of one core that compiling one component may take, in whole seconds.
    pub compile_time_max: Duration,
    /// How long a shutdown waits for open calls and queued writes.
    pub drain_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            connections_per_address_max: 512,
            sessions_max: 100_000,
            sessions_per_address_max: 256,
            handshakes_per_second_max: 30,
            refused_connects_max: 100,
            events_per_second_max: None,
            request_head_bytes_max: 16 << 10,
            outbox_bytes_max: 16 << 20,
            waiting_bytes_max: 256 << 20,
            waiting_bytes_per_address_max: 48 << 20,
            inbound_high_events: 1_000,
            inbound_high_bytes: 1 << 20,
            inbound_max_events: 20_000,
            inbound_max_bytes: 8 << 20,
            attachments_max: defaults::ATTACHMENTS_MAX,
            namespaces_per_connection_max: 100,
            writes_per_call_max: defaults::WRITES_PER_CALL_MAX,
            write_bytes_per_call_max: defaults::WRITE_BYTES_PER_CALL_MAX,
            open_calls_per_socket: defaults::OPEN_CALLS_PER_SOCKET,
            rooms_per_socket_max: defaults::ROOMS_PER_SOCKET_MAX,
            data_bytes_max: defaults::DATA_BYTES_MAX,
            deliveries_per_call_max: 2_000_000,
            plugin_bytes_max: 96 << 20,
            open_acks_per_socket_max: 20_000,
            log_lines_per_call_max: defaults::LOG_LINES_PER_CALL_MAX,
            log_bytes_per_day_max: 1 << 30,
            rate_limit_keys_max: 250_000,
            component_bytes_max: 64 << 20,
            compile_memory_bytes_max: 1 << 30,
            compile_time_max: Duration::from_secs(60),
            drain_deadline: Duration::from_secs(10),
        }
    }
}

/// `[limits]`.
pub(super) const KEYS: &[KeySpec<Limits>] = &[
    KeySpec::new(
        "connections_max",
        |limits: &mut Limits| Count(&mut limits.connections_max, COUNTS),
        "TCP connections of all clients together; one beyond it is answered 503 and closed. Idle, so many take half a gigabyte. It is less where the process may not have so many open files: some hundred of those are kept for the store, static files and the internal interface",
    ),
    KeySpec::new(
        "connections_per_address_max",
        |limits| Count(&mut limits.connections_per_address_max, COUNTS),
        "TCP connections of one address (of IPv6, of the network of 64 bits); one beyond it is answered 429 and closed. Two for each session, since a polling client has one for each direction. Loopback addresses have no limits per address, and the connections of `trusted_proxies` count for nobody, unless the PROXY protocol says whose they are",
    ),
    KeySpec::new(
        "sessions_max",
        |limits| Count(&mut limits.sessions_max, COUNTS),
        "sessions (Engine.IO connections) of all clients together; a handshake beyond it is answered 503. As many as connections",
    ),
    KeySpec::new(
        "sessions_per_address_max",
        |limits| Count(&mut limits.sessions_per_address_max, COUNTS),
        "sessions of one address, or of the client's behind `trusted_proxies`; a handshake beyond it is answered 429. An office or a school behind one address; raise it where thousands share one",
    ),
    KeySpec::new(
        "handshakes_per_second_max",
        |limits| Count(&mut limits.handshakes_per_second_max, COUNTS),
        "handshakes of one address in a second, ten times as many at once; one beyond it is answered 429. All sessions that an address may have can come back at once after a restart, and a loop of handshakes gets no further than this",
    ),
    KeySpec::new(
        "refused_connects_max",
        |limits| Count(&mut limits.refused_connects_max, COUNTS),
        "refused or unknown namespaces of one connection, with which it ends: each runs the middleware anew. As many as it may join",
    ),
    KeySpec::new(
        "events_per_second_max",
        |limits: &mut Limits| OptionalCount(&mut limits.events_per_second_max, COUNTS),
        "events of one connection in a second, as many at once; with one beyond it the client is disconnected. Without this key, any number: the plugin rate-limit refuses single events by name, user or address, and `inbound_high_events` slows a client down",
    )
    .example("200"),
    KeySpec::new(
        "request_head_bytes_max",
        |limits| Bytes(&mut limits.request_head_bytes_max, HEAD_BYTES),
        "bytes of the head of one HTTP request; a longer one is answered 431. Node's default; browsers and proxies stay below it, cookies and the query included. A connection keeps the text of its head",
    ),
    KeySpec::new(
        "outbox_bytes_max",
        |limits| Bytes(&mut limits.outbox_bytes_max, BYTES),
        "bytes queued to one connection, and received of it and not yet handled; past them the client is too slow and is disconnected, first from the namespace for which the most is queued. 20,000 small emits of one handler must pass, and a hundred stuck clients must not use up the machine's memory",
    ),
    KeySpec::new(
        "waiting_bytes_max",
        |limits| Bytes(&mut limits.waiting_bytes_max, BYTES),
        "bytes queued to all connections together, and received of them and not yet handled; what several wait for counts once. Past them the clients with the most are disconnected. Sixteen clients that read nothing of a full `outbox_bytes_max`",
    ),
    KeySpec::new(
        "waiting_bytes_per_address_max",
        |limits| Bytes(&mut limits.waiting_bytes_per_address_max, BYTES),
        "the same for the connections of one address; not for clients on this machine, among them a proxy that is not in `trusted_proxies`. Three clients that read nothing",
    ),
    KeySpec::new(
        "inbound_high_events",
        |limits| Count(&mut limits.inbound_high_events, COUNTS),
        "events received and not yet handled, per connection, above which reading pauses",
    ),
    KeySpec::new(
        "inbound_high_bytes",
        |limits| Bytes(&mut limits.inbound_high_bytes, BYTES),
        "the same in bytes: about one message of the largest size",
    ),
    KeySpec::new(
        "inbound_max_events",
        |limits| Count(&mut limits.inbound_max_events, COUNTS),
        "events received and not yet handled at which the client is disconnected; what one client sends at once (10,000) must pass",
    ),
    KeySpec::new(
        "inbound_max_bytes",
        |limits| Bytes(&mut limits.inbound_max_bytes, BYTES),
        "the same in bytes; at least one message of the largest size",
    ),
    KeySpec::new(
        "attachments_max",
        |limits| Count(&mut limits.attachments_max, COUNTS),
        "binary attachments of one packet, as in Socket.IO's parser",
    ),
    KeySpec::new(
        "namespaces_per_connection_max",
        |limits| Count(&mut limits.namespaces_per_connection_max, COUNTS),
        "namespaces that one connection may join",
    ),
    KeySpec::new(
        "writes_per_call_max",
        |limits| Count(&mut limits.writes_per_call_max, COUNTS),
        "writes that one call may record; an emit to each of 20,000 sockets must pass",
    ),
    KeySpec::new(
        "write_bytes_per_call_max",
        |limits| Bytes(&mut limits.write_bytes_per_call_max, BYTES),
        "the same in bytes, with 64 for each write and 32 for each name of a room; half of an outbox, so that one call alone cannot make a client too slow. What a call returns counts too",
    ),
    KeySpec::new(
        "open_calls_per_socket",
        |limits| Count(&mut limits.open_calls_per_socket, COUNTS),
        "calls of one socket that may be open (waiting) at once",
    ),
    KeySpec::new(
        "rooms_per_socket_max",
        |limits| Count(&mut limits.rooms_per_socket_max, COUNTS),
        "rooms that one socket may be in, its own included",
    ),
    KeySpec::new(
        "data_bytes_max",
        |limits| Bytes(&mut limits.data_bytes_max, BYTES),
        "one socket's data as JSON; it travels with every fetchSockets",
    ),
    KeySpec::new(
        "deliveries_per_call_max",
        |limits| Count(&mut limits.deliveries_per_call_max, COUNTS),
        "sockets that the broadcasts, joins and leaves of one call reach, each as often as it is reached, and for joins once for each room: 20,000 emits to a room of 100 must pass, and one call may not keep a thread for a second",
    ),
    KeySpec::new(
        "plugin_bytes_max",
        |limits| Bytes(&mut limits.plugin_bytes_max, BYTES),
        "bytes that the host holds for all calls of one plugin together: writes that have not left, and answers (of clients, the store, fetchSockets) that the plugin has not taken; past them it is refused what it asks for. Twelve calls that write as much as one may",
    ),
    KeySpec::new(
        "open_acks_per_socket_max",
        |limits| Count(&mut limits.open_acks_per_socket_max, COUNTS),
        "acks of one socket that are promised and not sent; as many as events may wait",
    ),
    KeySpec::new(
        "log_lines_per_call_max",
        |limits| Count(&mut limits.log_lines_per_call_max, COUNTS),
        "log lines of one call; what is more is counted and dropped",
    ),
    KeySpec::new(
        "log_bytes_per_day_max",
        |limits| Bytes(&mut limits.log_bytes_per_day_max, BYTES),
        "bytes of the log that the lines of one plugin take in a day, an hour's share of them at once; what is more is counted and dropped. A line with each of 50 events a second, all day: what the rotation of a log is usually set up for",
    ),
    KeySpec::new(
        "rate_limit_keys_max",
        |limits| Count(&mut limits.rate_limit_keys_max, COUNTS),
        "keys of one plugin whose rate-limit windows are open, about 100 bytes each; in a full table a new key displaces one that is within its limit. More than the sockets, users and addresses of a minute on one machine",
    ),
    KeySpec::new(
        "component_bytes_max",
        |limits| Bytes(&mut limits.component_bytes_max, BYTES),
        "bytes of the file of one component; Python's interpreter has 18 MiB, the largest that a toolchain brings along",
    ),
    KeySpec::new(
        "compile_memory_bytes_max",
        |limits| Bytes(&mut limits.compile_memory_bytes_max, COMPILE_BYTES),
        "memory that compiling one component may take; Python's interpreter takes about half of the default",
    ),
    KeySpec::new(
        "compile_time_max",
        |limits| Time(&mut limits.compile_time_max, COMPILE_TIMES),
        "time of one core that compiling one component may take, in whole seconds; Python's interpreter takes about 20 s. After twice as long by the clock it ends as well",
    ),
    KeySpec::new(
        "drain_deadline",
        |limits| Time(&mut limits.drain_deadline, DURATIONS),
        "how long a shutdown waits for open calls and queued writes; well inside the 30 s of Kubernetes",
    ),
];
