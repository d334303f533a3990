//! Counters of bounds: how often each bound was hit.
//!
//! Whatever refuses, cuts, drops, pauses or ends something because of a bound counts that here, also where the log limits its
//! lines about it. There are two kinds of table: one of the host, for clients and for everything together, and one of each plugin.
//! `/metrics` has all of them.

use std::sync::atomic::{AtomicU64, Ordering};

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
    MaxHttpBufferSize = "max_http_buffer_size",
    OpenFiles = "OPEN_FILES_MAX",
    OutboxBytes = "outbox_bytes_max",
    OutboxesBytes = "outboxes_bytes_max",
    QueryNames = "QUERY_NAMES_MAX",
    RequestHeadBytes = "request_head_bytes_max",
    /// A client did not take in time what waited for it.
    UnreadTime = "ping_timeout",
    SessionsPerAddress = "sessions_per_address_max",

    // Packets and sockets of one connection: `protocol` and `dispatch`.
    AttachmentsPerPacket = "attachments_max",
    AuthBytes = "AUTH_BYTES_MAX",
    ConnectTimeout = "connect_timeout",
    /// Reading paused, because so many events wait.
    InboundHigh = "inbound_high_events",
    /// The client was disconnected, because so many events waited.
    InboundMost = "inbound_max_events",
    NamespacesPerConnection = "namespaces_per_connection_max",
    OpenAcksPerSocket = "open_acks_per_socket_max",
    OpenCallsPerSocket = "open_calls_per_socket",

    // Calls of plugins, and what they record: `plugin` and `effect`.
    CallTime = "call_ms",
    DataBytes = "data_bytes_max",
    Instances = "instances_max",
    LogLinesPerCall = "log_lines_per_call_max",
    MemoryBytes = "memory_bytes_max",
    OpenTickets = "OPEN_TICKETS_MAX",
    OverlayWrites = "OVERLAY_WRITES_MAX",
    RateLimitKeys = "rate_limit_keys_max",
    RoomsPerSocket = "rooms_per_socket_max",
    RunTime = "run_ms",
    Timers = "TIMERS_MAX",
    WriteBytesPerCall = "write_bytes_per_call_max",
    WritesPerCall = "writes_per_call_max",

    // The store.
    StoreOperations = "STORE_OPERATIONS_MAX",
    StoreWaitingBytes = "STORE_WAITING_BYTES_MAX",

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
}

impl Default for LimitHits {
    fn default() -> Self {
        Self { counters: LimitHit::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
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

    /// The bounds that were hit, with the number of hits.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (LimitHit, u64)> {
        let counted = LimitHit::ALL.iter().zip(&self.counters);
        counted.map(|(limit, counter)| (*limit, counter.load(Ordering::Relaxed))).filter(|(_, hits)| *hits > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{LimitHit, LimitHits};

    #[test]
    fn each_bound_has_its_counter_and_its_label() {
        let hits = LimitHits::default();
        for (limit, times) in LimitHit::ALL.iter().zip(1..) {
            hits.add(*limit, times);
        }
        let counted: Vec<_> = hits.counted().collect();
        assert_eq!(counted, LimitHit::ALL.iter().copied().zip(1..).collect::<Vec<_>>());
        let labels: HashSet<_> = LimitHit::ALL.iter().map(|limit| limit.label()).collect();
        assert_eq!(labels.len(), LimitHit::ALL.len());
    }
}
