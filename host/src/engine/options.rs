//! What the operator may set.

use std::time::Duration;

use super::{addresses::AddressLimits, cookie::Cookie, origins::Origins, proxies::Proxies};
use crate::{body::LeastPace, files::Files, host_names::HostNames, node::NodeName};

/// The options of the engine. The defaults are those of Node's server where it has them.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The name with which the ids of sessions begin.
    pub(crate) node: NodeName,
    /// Whether there may be other nodes, whose sessions a load balancer could send here.
    pub(crate) one_of_many: bool,
    /// Path of the endpoint, with a slash at both ends.
    pub(crate) path: String,
    /// Time between a PONG and the next PING.
    pub(crate) ping_interval: Duration,
    /// How long a PONG may take.
    pub(crate) ping_timeout: Duration,
    /// How long an upgrade may take. After that the session stays on polling.
    pub(crate) upgrade_timeout: Duration,
    /// `maxHttpBufferSize`: one limit for the body of a POST, a websocket message with all its
    /// fragments, and the body of the response to a poll.
    pub(crate) payload_bytes_max: usize,
    /// Bytes that may wait for one client. A client with more is a slow consumer and is disconnected.
    pub(crate) outbox_bytes_max: usize,
    /// Bytes that may wait for all clients together. Beyond it those for which the most waits are disconnected.
    pub(crate) waiting_bytes_max: usize,
    /// The same for the clients of one address, but for those on this machine.
    pub(crate) waiting_bytes_per_address_max: usize,
    /// Whether sessions may be opened by polling.
    pub(crate) polling: bool,
    /// Whether sessions may be opened by websocket.
    pub(crate) websocket: bool,
    /// Whether a polling session may become a websocket.
    pub(crate) allow_upgrades: bool,
    /// The origins of the pages that may connect.
    pub(crate) origins: Origins,
    /// The host names under which the server may be asked.
    pub(crate) host_names: HostNames,
    /// The cookie that the response to a handshake sets.
    pub(crate) cookie: Option<Cookie>,
    /// The files that are served beside the endpoint.
    pub(crate) files: Files,
    /// Bytes of the head of one request. Beyond it the request is answered 431.
    pub(crate) request_head_bytes_max: usize,
    /// How long a connection may wait for the head of its next request.
    pub(crate) keep_alive: Duration,
    /// The time in which the body of a request or of a response has to move by `body_rate_min` of each second.
    pub(crate) body_timeout: Duration,
    /// Bytes of a body that have to move in a second.
    pub(crate) body_rate_min: usize,
    /// Connections and sessions, per address and in total. What is beyond the limit of an address is answered 429, what is beyond a
    /// total 503.
    pub(crate) addresses: AddressLimits,
    /// The proxies in front of the server.
    pub(crate) proxies: Proxies,
}

impl Options {
    /// The least pace of bodies.
    pub(super) fn least_pace(&self) -> LeastPace {
        LeastPace { timeout: self.body_timeout, rate_min: self.body_rate_min }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node: NodeName::of_bytes([0; 3]),
            one_of_many: false,
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            payload_bytes_max: 1_000_000,
            outbox_bytes_max: 16 << 20,
            waiting_bytes_max: 256 << 20,
            waiting_bytes_per_address_max: 48 << 20,
            polling: true,
            websocket: true,
            allow_upgrades: true,
            origins: Origins::default(),
            host_names: HostNames::default(),
            cookie: None,
            files: Files::default(),
            request_head_bytes_max: 16 << 10,
            keep_alive: Duration::from_secs(90),
            body_timeout: Duration::from_secs(120),
            body_rate_min: 1 << 10,
            addresses: AddressLimits::default(),
            proxies: Proxies::default(),
        }
    }
}
