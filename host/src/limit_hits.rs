//! Counters of bounds: how often each bound was hit.
//!
//! Whatever refuses, cuts, drops, pauses or ends something because of a bound counts that here, also where the log limits its
//! lines about it. What the contract refuses to a plugin names its bound (`Refusal::limit`) and is counted where it is returned. There are two kinds of table: one of the host, for clients and for everything together, and one of each plugin.
//! `/metrics` has all of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Declares the bounds with their labels: the key of the configuration, or the name of the constant.
macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident = $label:literal,)*) => {
        /// A bound that can be hit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum LimitHit {
            $($(#[$doc])* $variant,)*
        }

        impl LimitHit {
            /// All bounds, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The label of `/metrics`: the key of the configuration that changes the bound, else the name of its constant.
            pub(crate) const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

// In groups, so that a new bound has its place. A line of documentation only where the label does not say what was hit.
limits! {
    // Connections, sessions and requests: `engine` and `files`.
    BodyTimeout = "body_timeout",
    ChangesWaiting = "CHANGES_WAITING_MAX",
    Connections = "connections_max",
    ConnectionsPerAddress = "connections_per_address_max",
    HandshakesPerSecond = "handshakes_per_second_max",
    InternalConnections = "INTERNAL_CONNECTIONS_MAX",
    MaxHttpBufferSize = "max_http_buffer_size",
    OpenFiles = "OPEN_FILES_MAX",
    OutboxBytes = "outbox_bytes_max",
    ProxyHeader = "PROXY_HEADER_DEADLINE",
    WaitingBytes = "waiting_bytes_max",
    WaitingBytesPerAddress = "waiting_bytes_per_address_max",
    QueryNames = "QUERY_NAMES_MAX",
    RequestHeadBytes = "request_head_bytes_max",
    /// A client did not take in time what waited for it.
    UnreadTime = "ping_timeout",
    Sessions = "sessions_max",
    SessionsPerAddress = "sessions_per_address_max",

    // The admin interface.
    AdminAnswerBytes = "ADMIN_ANSWER_BYTES_MAX",
    AdminJsonBytes = "ADMIN_JSON_BYTES_MAX",
    AdminPageEntries = "ADMIN_PAGE_ENTRIES_MAX",
    ComponentBytes = "component_bytes_max",
    LogFollowers = "LOG_FOLLOWERS_MAX",
    TokenFailures = "TOKEN_FAILURES_MAX",
    Uploads = "UPLOADS_MAX",

    // Packets and sockets of one connection: `protocol` and `dispatch`.
    AttachmentsPerPacket = "attachments_max",
    AuthBytes = "AUTH_BYTES_MAX",
    ConnectTimeout = "connect_timeout",
    EventsPerSecond = "events_per_second_max",
    /// Reading paused, because so many events wait.
    InboundHigh = "inbound_high_events",
    /// The client was disconnected, because so many events waited.
    InboundMost = "inbound_max_events",
    /// No pattern matches a name that is so long.
    NamespaceNameBytes = "NAMESPACE_NAME_BYTES_MAX",
    NamespacesPerConnection = "namespaces_per_connection_max",
    OpenAcksPerSocket = "open_acks_per_socket_max",
    OpenCallsPerSocket = "open_calls_per_socket",
    RefusedConnects = "refused_connects_max",

    // Calls of plugins, and what they record: `plugin` and `effect`.
    CallTime = "call_ms",
    Instances = "instances_max",
    LogLinesPerCall = "log_lines_per_call_max",
    MemoryBytes = "memory_bytes_max",
    OpenCalls = "open_calls_max",
    RateLimitKeys = "rate_limit_keys_max",
    RateLimitQuestions = "RATE_LIMIT_QUESTIONS_MAX",
    RoomsPerSocket = "rooms_per_socket_max",
    RunTime = "run_ms",
    ServerEventBytes = "SERVER_EVENT_BYTES_MAX",
    ServerEvents = "SERVER_EVENTS_MAX",
    TimerBytes = "TIMER_BYTES_MAX",
    Timers = "TIMERS_MAX",
    /// A call waited and counted as one that runs, because so many others waited.
    Waiting = "waiting_max",

    // Other nodes: `cluster`.
    PeerMessageBytes = "PEER_MESSAGE_BYTES_MAX",
    PeerAnswers = "PEER_ANSWERS_MAX",
    PeerRequests = "PEER_REQUESTS_MAX",
    PublishBytes = "PUBLISH_BYTES_MAX",
    PublishWait = "PUBLISH_WAIT_MAX",

    // The log.
    FailureLines = "FAILURE_LINES_MAX",
    GuestErrorLines = "GUEST_ERROR_LINES_MAX",
    LogBytesPerDay = "log_bytes_per_day_max",
}

/// How often each bound was hit.
#[derive(Debug)]
pub(crate) struct LimitHits {
    /// One counter for each of [`LimitHit::ALL`], in that order.
    counters: Box<[AtomicU64]>,
    /// What imports refused to guests, by the bound that the refusal names. As many entries as the contract has bounds.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Default for LimitHits {
    fn default() -> Self {
        Self { counters: LimitHit::ALL.iter().map(|_| AtomicU64::new(0)).collect(), refused: Mutex::default() }
    }
}

impl LimitHits {
    /// Counts one hit.
    pub(crate) fn hit(&self, limit: LimitHit) {
        self.add(limit, 1);
    }

    /// Counts several hits of one bound.
    pub(crate) fn add(&self, limit: LimitHit, hits: u64) {
        if let Some(counter) = self.counters.get(limit as usize) {
            // Relaxed: a number of its own.
            counter.fetch_add(hits, Ordering::Relaxed);
        }
    }

    /// Counts a refusal that names this bound.
    pub(crate) fn refused(&self, limit: &'static str) {
        *self.lock().entry(limit).or_default() += 1;
    }

    /// The labels of the bounds that were hit, with the number of hits.
    pub(crate) fn counted(&self) -> BTreeMap<&'static str, u64> {
        let mut counted = self.lock().clone();
        for (limit, counter) in LimitHit::ALL.iter().zip(&self.counters) {
            *counted.entry(limit.label()).or_default() += counter.load(Ordering::Relaxed);
        }
        counted.retain(|_, hits| *hits > 0);
        counted
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{LimitHit, LimitHits};

    #[test]
    fn each_bound_has_its_counter_and_its_label() {
        let hits = LimitHits::default();
        for (limit, times) in LimitHit::ALL.iter().zip(1..) {
            hits.add(*limit, times);
        }
        hits.refused("OPEN_TICKETS_MAX");
        hits.refused(LimitHit::ALL[0].label());
        let counted = hits.counted();
        assert_eq!(counted.len(), LimitHit::ALL.len() + 1, "no label twice");
        assert_eq!((counted["OPEN_TICKETS_MAX"], counted[LimitHit::ALL[0].label()]), (1, 2));
        assert_eq!(counted[LimitHit::ALL[4].label()], 5);
    }
}
