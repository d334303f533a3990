//! Lines of the log about clients that the engine refuses, disconnects or cannot serve: each names the cause and the key to set.
//! Limited, because clients can cause them at will. Each bound that is hit is counted as well, and the counters are not limited.
//!
//! A handshake that is no handshake (an unknown transport, session or version) is logged at the level `debug` alone: nothing is to
//! be set for it, and Node's server is silent too.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use super::proxy_protocol::HeaderError;
use crate::{
    fixed_limits::REFUSAL_LINES_MAX,
    limit_hits::{LimitHit, LimitHits},
    log_limiter::LogLimiter,
    node::NodeName,
};

/// Letters of a header that are shown. An origin is shorter.
const SHOWN_LETTERS: usize = 200;

/// One limit for each cause, so that none hides another.
pub(super) struct RefusalLog {
    limit_hits: Arc<LimitHits>,
    accept: LogLimiter,
    address: LogLimiter,
    head: LogLimiter,
    host: LogLimiter,
    inbound: LogLimiter,
    message: LogLimiter,
    node: LogLimiter,
    origin: LogLimiter,
    outbox: LogLimiter,
    proxy: LogLimiter,
    stalled: LogLimiter,
    total: LogLimiter,
}

impl RefusalLog {
    pub(super) fn new(limit_hits: Arc<LimitHits>) -> Self {
        let limiter = || LogLimiter::new(REFUSAL_LINES_MAX);
        Self {
            limit_hits,
            accept: limiter(),
            address: limiter(),
            head: limiter(),
            host: limiter(),
            inbound: limiter(),
            message: limiter(),
            node: limiter(),
            origin: limiter(),
            outbox: limiter(),
            proxy: limiter(),
            stalled: limiter(),
            total: limiter(),
        }
    }

    /// A connection could not be accepted.
    pub(super) fn accept(&self, error: &io::Error) {
        let Some(left_out) = self.accept.admit() else { return };
        tracing::warn!(
            %error,
            left_out,
            "cannot accept a connection; if too many files are open, raise the limit of the process (`ulimit -n`, LimitNOFILE of \
             systemd): each connection takes one"
        );
    }

    /// A connection or a handshake beyond a limit of its address (429) or of all together (503).
    pub(super) fn full(&self, limit: LimitHit, address: IpAddr) {
        self.limit_hits.hit(limit);
        let key = limit.label();
        if matches!(limit, LimitHit::Connections | LimitHit::Sessions) {
            let Some(left_out) = self.total.admit() else { return };
            tracing::warn!(
                %address,
                left_out,
                "refused: all clients together have as many as [limits] {key} allows; of connections it allows no more than the \
                 process may have open files (`ulimit -n`, LimitNOFILE of systemd)"
            );
        } else {
            let Some(left_out) = self.address.admit() else { return };
            tracing::warn!(
                %address,
                left_out,
                "refused: the address has as many as [limits] {key} allows; if it is a proxy, list it in [server] trusted_proxies, and \
                 its clients are counted one by one"
            );
        }
    }

    /// A connection of a proxy that does not begin as it has to.
    pub(super) fn proxy(&self, address: IpAddr, error: HeaderError) {
        if matches!(error, HeaderError::Late | HeaderError::TooLong) {
            self.limit_hits.hit(LimitHit::ProxyHeader);
        }
        let Some(left_out) = self.proxy.admit() else { return };
        tracing::warn!(%address, left_out, "a connection of a trusted proxy is closed: {error}");
    }

    /// The head of a request is longer than `request_head_bytes_max`, or has more than a hundred headers: 431.
    pub(super) fn head(&self, address: IpAddr, bytes_max: usize) {
        self.limit_hits.hit(LimitHit::RequestHeadBytes);
        let Some(left_out) = self.head.admit() else { return };
        tracing::warn!(
            %address,
            left_out,
            "refused: the head of a request is longer than {bytes_max} bytes, or has more than 100 headers; large cookies or a token \
             in the query may be the cause, see [limits] request_head_bytes_max"
        );
    }

    /// A query with more parameters than are read. Nobody is refused for it, so it is only counted.
    pub(super) fn query(&self) {
        self.limit_hits.hit(LimitHit::QueryNames);
    }

    /// A host name that is not served: 403.
    pub(super) fn host(&self, host: &str) {
        let Some(left_out) = self.host.admit() else { return };
        let host = shown(host);
        tracing::warn!(
            %host,
            left_out,
            "refused: a request for a host name that is not served; if it is a name of this server, add it to [server] hosts"
        );
    }

    /// A message beyond `max_http_buffer_size`: 413, or the websocket's close code 1009.
    pub(super) fn message(&self, conn: Option<u64>, bytes_max: usize) {
        self.limit_hits.hit(LimitHit::MaxHttpBufferSize);
        let Some(left_out) = self.message.admit() else { return };
        tracing::warn!(
            conn,
            left_out,
            "disconnected: a message of the client is longer than {bytes_max} bytes, see [server] max_http_buffer_size"
        );
    }

    /// Reading pauses because too many events of the client wait: counted alone, since a client that sends fast is no problem yet.
    pub(super) fn paused(&self) {
        self.limit_hits.hit(LimitHit::InboundHigh);
    }

    /// A client is disconnected because it does not read what was sent to it, or sent more than is handled; `limit` says how that was
    /// found.
    pub(super) fn slow(&self, conn: u64, limit: LimitHit) {
        self.limit_hits.hit(limit);
        let Some(left_out) = self.outbox.admit() else { return };
        let why = match limit {
            LimitHit::WaitingBytes => {
                "more than [limits] waiting_bytes_max waited for and of all clients together, and most of it here"
            }
            LimitHit::WaitingBytesPerAddress => {
                "more than [limits] waiting_bytes_per_address_max waited for and of the clients of its address, and most of it here"
            }
            LimitHit::UnreadTime => {
                "a client did not read what was sent to it within [server] ping_interval and ping_timeout together"
            }
            _ => "a client did not read what was sent to it, and more than [limits] outbox_bytes_max waited",
        };
        tracing::warn!(conn, left_out, "disconnected: {why}");
    }

    /// A socket is disconnected from its namespace so that the connection can stay.
    pub(super) fn slow_socket(&self, conn: u64, namespace: &str) {
        self.limit_hits.hit(LimitHit::OutboxBytes);
        let Some(left_out) = self.outbox.admit() else { return };
        let namespace = shown(namespace);
        tracing::warn!(
            conn,
            ns = %namespace,
            left_out,
            "disconnected from its namespace: a client did not read what was sent to it, and more than [limits] outbox_bytes_max waited, \
             most of it for this namespace"
        );
    }

    /// A client sent faster than its events are handled, or than it may.
    pub(super) fn inbound(&self, conn: u64) {
        let Some(left_out) = self.inbound.admit() else { return };
        tracing::warn!(
            conn,
            left_out,
            "disconnected: a client sent faster than its events are handled, and more waited than [limits] inbound_max_events or \
             inbound_max_bytes, or it sent more in a second than events_per_second_max"
        );
    }

    /// The body of a request or of a response made no progress for all of `body_timeout`.
    pub(super) fn stalled(&self, address: IpAddr, timeout: Duration) {
        self.limit_hits.hit(LimitHit::BodyTimeout);
        let Some(left_out) = self.stalled.admit() else { return };
        tracing::warn!(
            %address,
            left_out,
            "disconnected: the client sent or took less of a body than [server] body_rate_min in {timeout:?}, see [server] body_timeout"
        );
    }

    /// A request for a session of another node: 400.
    pub(super) fn other_node(&self, owner: NodeName, here: NodeName) {
        let Some(left_out) = self.node.admit() else { return };
        tracing::warn!(
            %owner,
            node = %here,
            left_out,
            "refused: a request for a session of another node; the load balancer has to send all requests of a client to one node, by a \
             cookie or by the first four characters of `sid` (docs/cluster.md). After a restart under another name, clients of the server \
             before cause this too, once each"
        );
    }

    /// An origin that is not allowed: 403.
    pub(super) fn origin(&self, origin: &str, host: Option<&str>) {
        let Some(left_out) = self.origin.admit() else { return };
        let (origin, host) = (shown(origin), shown(host.unwrap_or_default()));
        tracing::warn!(
            %origin,
            %host,
            left_out,
            "refused: a page of another origin; if its clients may connect, add the origin to [server.cors] origin. If the page is \
             this server's own, a proxy or development server has changed the header Host: list the origin, or keep Host"
        );
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_LETTERS).collect()
}
