//! The engine room: Engine.IO v4 over long polling and websocket, and nothing of Socket.IO.
//!
//! One TCP connection is one small task that hyper serves. One Engine.IO *session* is another task (`session`): it is made
//! by the handshake, lasts over polls and the upgrade, and owns the Socket.IO side of the connection, the `Protocol`. Requests
//! that belong to a session are put in its mailbox, which is part of its `Outbox`; a websocket's stream is taken out of
//! hyper and handed to the session, so that an idle connection keeps no buffer of anybody.
//!
//! The room above sees `ProtocolFactory`, `Protocol`, `Outbox`, `Request`, `Options` and `Engine`, and no type of hyper or tungstenite.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{net::TcpListener, sync::Notify};

pub(crate) use self::{cookie::Cookie, limits::Origins, outbox::Outbox};
use crate::{files::Files, request::Request};

mod cookie;
mod decoder;
mod handshake;
mod heartbeat;
mod http_stream;
mod inbound;
mod limits;
mod listener;
mod outbox;
mod payload;
mod polling;
mod probe;
mod registry;
mod response;
mod session;
mod websocket;

/// A disconnect reason as Socket.IO spells it, for example "transport close".
pub(crate) type Reason = &'static str;

/// Makes the Socket.IO side of a connection.
pub(crate) trait ProtocolFactory: Send + Sync {
    /// Called once per session, before anything is read from it. The OPEN packet already stands in the outbox.
    fn open(&self, request: Arc<Request>, outbox: Arc<Outbox>) -> Box<dyn Protocol>;
}

/// The Socket.IO side of one connection; owned and driven by the connection's task only.
pub(crate) trait Protocol: Send {
    /// A text message without its packet type. An error closes the connection for that reason: `closed` is called at once,
    /// what stands in the outbox is still delivered, then the transport is closed.
    fn text(&mut self, message: &str) -> Result<(), Reason>;

    /// A binary message, else as `text`.
    fn binary(&mut self, message: &[u8]) -> Result<(), Reason>;

    /// Runs what is open: futures of calls, timers. Polled in every turn of the connection's task.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<EngineRequest>;

    /// Whether more may be read now. While it says no, reading pauses, but never longer than half of the ping timeout.
    fn accepts(&self) -> bool;

    /// `Outbox::close` was called: queue the last frames now. They are delivered; `closed("forced close")` follows at once.
    fn closing(&mut self);

    /// The connection is dead. Called exactly once; what is queued in this very call is still taken along where the
    /// transport lives. After it only `poll` is called, until it says `EngineRequest::Done`.
    fn closed(&mut self, reason: Reason);
}

/// What `Protocol::poll` asks of the connection's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineRequest {
    /// Close the connection as if `text` had returned this reason.
    Close(Reason),
    /// Only after `closed`: nothing is left to do, the task may end.
    Done,
}

/// What the operator may set. The defaults are those of Node's server where it has them.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Path of the endpoint, with a slash at both ends.
    pub(crate) path: String,
    /// Time between a PONG and the next PING.
    pub(crate) ping_interval: Duration,
    /// How long a PONG may take.
    pub(crate) ping_timeout: Duration,
    /// How long an upgrade may take; then the connection stays on polling.
    pub(crate) upgrade_timeout: Duration,
    /// `maxHttpBufferSize`: one limit for a polling body, a websocket message with all its fragments, and a response.
    pub(crate) payload_bytes_max: usize,
    /// What may wait for one client. Beyond it the client is a slow consumer.
    pub(crate) outbox_bytes_max: usize,
    /// Whether sessions may be opened by polling.
    pub(crate) polling: bool,
    /// Whether sessions may be opened by websocket.
    pub(crate) websocket: bool,
    /// Whether a polling session may become a websocket.
    pub(crate) allow_upgrades: bool,
    /// Whose pages may connect.
    pub(crate) origins: Origins,
    /// What the answer to a handshake sets.
    pub(crate) cookie: Option<Cookie>,
    /// What is served beside the endpoint.
    pub(crate) files: Files,
    /// `TCP_USER_TIMEOUT`: how long sent bytes may stay unacknowledged by the peer's kernel.
    pub(crate) user_timeout: Option<Duration>,
    /// How long a request's head may take, and how long a kept-alive connection may stand idle.
    pub(crate) header_timeout: Duration,
    /// How long the body of a POST may take.
    pub(crate) body_timeout: Duration,
    /// How long a closed polling session waits for the poll that takes what was queued.
    pub(crate) close_timeout: Duration,
    /// Sessions of one address; none means no limit. Beyond it a handshake is answered 429.
    pub(crate) sessions_per_address_max: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            payload_bytes_max: 1_000_000,
            outbox_bytes_max: 16 << 20,
            polling: true,
            websocket: true,
            allow_upgrades: true,
            origins: Origins::default(),
            cookie: None,
            files: Files::default(),
            user_timeout: Some(Duration::from_secs(30)),
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            sessions_per_address_max: None,
        }
    }
}

/// All sessions of one listener.
pub(crate) struct Engine {
    options: Options,
    factory: Arc<dyn ProtocolFactory>,
    registry: registry::Registry,
    addresses: Arc<limits::SessionsPerAddress>,
    /// No new handshakes; set once by `refuse_new`, which also wakes the accept loop through `refused`.
    refusing: AtomicBool,
    refused: Notify,
    /// Tasks of sessions; the last one that ends notifies `ended`.
    sessions: AtomicUsize,
    ended: Notify,
    /// Set by `close_all`: a session that is made while it runs must not be missed.
    closing: OnceLock<Reason>,
}

impl Engine {
    /// An engine without a listener. `factory` makes the Socket.IO side of each connection.
    pub(crate) fn new(mut options: Options, factory: Arc<dyn ProtocolFactory>) -> Arc<Self> {
        options.path = format!("/{}/", options.path.trim_matches('/')).replace("//", "/");
        let addresses = limits::SessionsPerAddress::new(options.sessions_per_address_max);
        Arc::new(Self {
            options,
            factory,
            registry: registry::Registry::default(),
            addresses,
            refusing: AtomicBool::new(false),
            refused: Notify::new(),
            sessions: AtomicUsize::new(0),
            ended: Notify::new(),
            closing: OnceLock::new(),
        })
    }

    /// Accepts connections until `refuse_new`. Those that are open by then are served on.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        listener::accept(&self, listener).await;
    }

    /// Stops accepting; handshakes on connections that stand open are answered 503.
    pub(crate) fn refuse_new(&self) {
        self.refusing.store(true, Ordering::Release);
        self.refused.notify_waiters();
        // A permit for the accept loop that has looked at the flag but does not wait yet.
        self.refused.notify_one();
    }

    /// Ends every session for this reason. What is queued is delivered where the client takes it.
    pub(crate) fn close_all(&self, reason: Reason) {
        let _ = self.closing.set(reason);
        for outbox in self.registry.all() {
            outbox.close_for_shutdown(reason);
        }
    }

    /// Resolves when no session is left, not even one whose calls still run.
    pub(crate) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.connections() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Sessions whose task has not ended.
    pub(crate) fn connections(&self) -> usize {
        self.sessions.load(Ordering::Acquire)
    }

    fn refuses(&self) -> bool {
        self.refusing.load(Ordering::Acquire)
    }

    fn session_begins(&self) {
        self.sessions.fetch_add(1, Ordering::AcqRel);
    }

    fn session_ends(&self) {
        if self.sessions.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ended.notify_waiters();
        }
    }
}
