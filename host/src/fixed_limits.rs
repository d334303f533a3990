//! Limits of the host that nobody may change, each with the reason for its value.
//!
//! Those that an operator may change are in `config::Limits` and `config::PluginConfig`; those that the contract promises to
//! plugins are in `innkeeper_contract::limits`. Sizes of buffers and of batches, which limit nothing that is visible from
//! outside, stand where they are used.

use std::time::Duration;

/// How long a stream that the server closes waits for the client to close its side: a few round trips of a slow network. A client
/// that never does costs no more than that. Each step of a websocket's closing handshake has this time, and so has, when the
/// server shuts down, a polling client that is still to fetch its last packets.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);
/// How long after its last response a polling client may be between two polls: a round trip of a slow network. A shutdown waits for
/// no client that has been away for longer.
pub(crate) const POLL_GAP: Duration = Duration::from_millis(500);

/// Handshakes of one address that may come at once, in seconds of `handshakes_per_second_max`: an office comes back after a restart.
pub(crate) const HANDSHAKE_BURST_S: usize = 10;
/// Handles of files that no connection gets: for the files of [`OPEN_FILES_MAX`], the store, the internal interface, and what is
/// loaded. Of a process that may have few, connections get half.
pub(crate) const HANDLES_RESERVED: usize = 320;
/// How long a proxy may take over the header of the PROXY protocol. The protocol asks for at least three seconds, the time of one
/// packet that is lost.
pub(crate) const PROXY_HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a header of the PROXY protocol. The addresses take 52 at most; what else proxies add, a certificate's names for one, is
/// some hundred.
pub(crate) const PROXY_HEADER_BYTES_MAX: usize = 4_096;

/// Connections to the internal listener at the same time. Each probe and each collector of metrics has one; without a bound whoever
/// reaches the listener could use up the handles of [`HANDLES_RESERVED`], and then those of clients.
pub(crate) const INTERNAL_CONNECTIONS_MAX: usize = 32;

/// Attempts with a wrong token, or with none, that the admin interface answers in a minute. Those beyond it cost nothing; the right token is
/// never among them.
pub(crate) const TOKEN_FAILURES_MAX: u32 = 10;
/// Bytes of a request's JSON for the admin interface: the largest event, as base64 of a message of `max_http_buffer_size`, fits.
pub(crate) const ADMIN_JSON_BYTES_MAX: usize = 2 << 20;
/// Components that are uploaded at the same time: each takes its bytes until its plugin is swapped.
pub(crate) const UPLOADS_MAX: usize = 4;
/// Bytes of the answers that the admin interface waits for with `ack`, of all requests together.
pub(crate) const ADMIN_ANSWER_BYTES_MAX: usize = 64 << 20;
/// Entries of a page of the admin interface.
pub(crate) const ADMIN_PAGE_ENTRIES_MAX: usize = 1_000;
/// Requests that follow the log of a plugin at the same time. Each has one of [`INTERNAL_CONNECTIONS_MAX`] for as long as it wants.
pub(crate) const LOG_FOLLOWERS_MAX: usize = 8;

/// Parameters of a URL's query; what stands behind them is ignored, as in Node's `querystring`.
pub(crate) const QUERY_NAMES_MAX: usize = 1_000;

/// Connections that wait to be accepted. The system's own bound (`somaxconn`, 4,096 on Linux) holds too. Beyond it the first packet of a
/// client is dropped, and the client sends it again after a second.
pub(crate) const LISTEN_BACKLOG: u32 = 4_096;

/// Files that are open at the same time. A browser opens six connections to a host; each file takes one of the process's handles, and
/// most of those are for connections.
pub(crate) const OPEN_FILES_MAX: usize = 256;
/// How long nothing of a file was taken by its client when the file may have to make room for another: a slow client takes a piece in
/// this time, and it only matters while all files are open.
pub(crate) const FILE_STALL: Duration = Duration::from_secs(1);

/// Lines of the log about failed calls of one plugin in ten seconds, because clients can provoke failures at will.
pub(crate) const FAILURE_LINES_MAX: u32 = 20;
/// Lines of the level `error` of one plugin in ten seconds, for the same reason.
pub(crate) const GUEST_ERROR_LINES_MAX: u32 = 20;
/// Lines of the log in ten seconds about clients that are refused for one reason, and about files that cannot be served: clients can
/// cause any number, and a few show what is to be set.
pub(crate) const REFUSAL_LINES_MAX: u32 = 5;
/// Lines of the log in ten seconds about sockets that would be in too many rooms: plugins can cause any number.
pub(crate) const REFUSED_JOIN_LINES_MAX: u32 = 20;
/// Bytes of a line that a guest prints; a longer one is cut in two. The host keeps a line until it ends.
pub(crate) const PRINTED_LINE_BYTES_MAX: usize = 4_096;

/// Bytes of one value in a line of the log, as it is written; what is more is cut off. Enough for the backtrace of a failed call.
pub(crate) const LOG_VALUE_BYTES_MAX: usize = 8 << 10;
/// Bytes of a line of the log, as it is written: what collects logs cuts lines at 16 KiB (Docker, containerd), in the middle of
/// their JSON.
pub(crate) const LOG_LINE_BYTES_MAX: usize = 16 << 10;
/// Bytes of lines of the log that wait to be written. Beyond it lines are dropped and counted: nothing waits for a reader.
pub(crate) const LOG_QUEUE_BYTES_MAX: usize = 4 << 20;

/// Lines of the log that are kept of each plugin, for whoever asks what it said.
pub(crate) const PLUGIN_LOG_LINES_MAX: usize = 1_000;
/// Bytes of the lines that are kept of each plugin.
pub(crate) const PLUGIN_LOG_BYTES_MAX: usize = 1 << 20;

/// Names that have a label of their own in `/metrics`: events of one plugin, namespaces of the host. The page of a plugin that
/// registers ten thousand would have a hundred thousand lines; what is more shares the label `other`.
pub(crate) const METRIC_NAMES_MAX: usize = 200;

/// Timers of one plugin. Beyond it those of sockets that are disconnected are removed; if that does not help, none is added.
pub(crate) const TIMERS_MAX: usize = 100_000;
/// Bytes of all timers of one plugin, with what the table keeps for each: as many as may be, each with a small record.
pub(crate) const TIMER_BYTES_MAX: usize = 48 << 20;
/// Recorded writes, and names of rooms in them, that the reads of a call look at between two flushes. Reads cost the host's time, not the guest's.
pub(crate) const OVERLAY_WRITES_MAX: usize = 20_000_000;
/// Random bytes that a guest gets at once. They are made in one step, which nothing can interrupt.
pub(crate) const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// WASI resources of one instance: streams, pollables. The host keeps them, so a guest may not pile them up.
pub(crate) const WASI_RESOURCES_MAX: usize = 10_000;

/// Reads and writes of one plugin in the store that are in flight. A disk does some hundred commits a second, each with up to a thousand writes.
pub(crate) const STORE_OPERATIONS_MAX: usize = 10_000;
/// Questions of one plugin about limits of rate that Redis has not answered; one beyond them is answered as `rate_limit_on_failure` says.
/// Redis answers some thousand in the time that each of them has.
pub(crate) const RATE_LIMIT_QUESTIONS_MAX: usize = 10_000;
/// Bytes of one plugin that wait to be written to the store.
pub(crate) const STORE_WAITING_BYTES_MAX: usize = 64 << 20;

/// Core modules of one component. This bound and those below are about four times what the runtimes of Python and QuickJS need, the
/// largest that toolchains bring along: Python has 14 modules with 13,331 functions, the longest of them with 417 KiB, and QuickJS has
/// two memories.
pub(crate) const COMPONENT_MODULES_MAX: usize = 64;
/// Components inside of one another.
pub(crate) const COMPONENT_DEPTH_MAX: usize = 12;
/// Functions of one component. Each is compiled.
pub(crate) const COMPONENT_FUNCTIONS_MAX: usize = 60_000;
/// Bytes of one function: some steps of a compiler take more than linear time over one.
pub(crate) const FUNCTION_BYTES_MAX: usize = 2 << 20;
/// Core modules that one instance of a component instantiates.
pub(crate) const CORE_INSTANCES_MAX: usize = 64;
/// Linear memories of one instance.
pub(crate) const MEMORIES_MAX: usize = 8;
/// Tables of one instance.
pub(crate) const TABLES_MAX: usize = 8;
/// Bytes of the machine code of one component: four times those of Python's interpreter.
pub(crate) const ARTEFACT_BYTES_MAX: usize = 256 << 20;
/// Bytes of all machine code that is kept for later starts; the least recently used goes first.
pub(crate) const ARTEFACTS_BYTES_MAX: u64 = 1 << 30;

/// Bytes of a component that is read back from those that served: as many as `component_bytes_max` can be set to.
pub(crate) const KEPT_COMPONENT_BYTES_MAX: u64 = 4 << 30;
/// Bytes of the list of a plugin's components that served: a hundred entries have less than a tenth of it.
pub(crate) const KEPT_LIST_BYTES_MAX: u64 = 1 << 20;

/// Bytes of the text that a generation of a `shared` plugin hands to the next.
pub(crate) const SNAPSHOT_BYTES_MAX: usize = 16 << 20;
/// Texts of one registration: names of namespaces, events, hooks, capabilities and options. A large application has some hundreds.
pub(crate) const REGISTRATION_NAMES_MAX: usize = 10_000;
/// Bytes of all texts of one registration.
pub(crate) const REGISTRATION_BYTES_MAX: usize = 1 << 20;
/// Patterns of namespaces in one registration. The first client of a namespace has all of them tried, and so has each fixed namespace when
/// plugins are loaded.
pub(crate) const PATTERNS_MAX: usize = 32;
/// Bytes of a pattern's text.
pub(crate) const PATTERN_BYTES_MAX: usize = 1_024;
/// Bytes of a compiled pattern: those that match names have some thousand. With the length of a name it bounds the time of a match.
pub(crate) const PATTERN_COMPILED_BYTES_MAX: usize = 256 << 10;
/// Buckets of the store's file that have entries. The host keeps a count of bytes for each.
pub(crate) const STORE_BUCKETS_MAX: usize = 10_000;

/// Changes of plugins that wait for those before them; one more is refused. Each is made by hand, or by a file that has changed.
pub(crate) const CHANGES_WAITING_MAX: usize = 64;

/// Bytes of messages for other nodes that wait for Redis. Beyond them messages are dropped and counted: Redis delivers at most once in any
/// case, and nothing on this node waits for it.
pub(crate) const PUBLISH_BYTES_MAX: usize = 8 << 20;
/// How long a message for other nodes waits for Redis before it is dropped: later than that it would rather confuse than help.
pub(crate) const PUBLISH_WAIT_MAX: Duration = Duration::from_secs(1);
/// Requests to other nodes that are open at the same time; those beyond are answered with what this node has.
pub(crate) const PEER_REQUESTS_MAX: usize = 10_000;
/// Requests of other nodes that are answered at the same time, each with the sockets of a namespace or with the acks of clients; those
/// beyond are ignored, as by a node that is away.
pub(crate) const PEER_ANSWERS_MAX: usize = 256;
/// Events of other nodes that wait for one plugin, which handles one at a time; those beyond are dropped.
pub(crate) const SERVER_EVENTS_MAX: usize = 1_000;
/// Bytes of those.
pub(crate) const SERVER_EVENT_BYTES_MAX: usize = 8 << 20;
/// Bytes of a message of another node; a larger one is ignored. Many times the largest event of a client, and below what Redis lets wait for a
/// subscriber (32 MiB).
pub(crate) const PEER_MESSAGE_BYTES_MAX: usize = 16 << 20;
