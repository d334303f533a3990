//! All sessions of one listener: what they share, how they are counted, and how all of them end.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use tokio::{sync::watch, time::timeout};

use super::{
    addresses::Addresses,
    closing::{self, ClientSide},
    counters::SessionCounters,
    options::Options,
    origins::Origins,
    probe::ProbeRequest,
    protocol::ProtocolFactory,
    refusal_log::RefusalLog,
    registry::{ConnectionView, Registry},
    tasks::Tasks,
    websocket::Websocket,
};
use crate::{
    event_loops::EventLoops, fixed_limits::CLOSE_DEADLINE, limit_hits::LimitHits, reason::DisconnectReason,
    waiting_bytes::WaitingBytes,
};

/// The Engine.IO server.
pub(crate) struct Engine {
    pub(super) options: Options,
    /// The origins of the pages that may connect; others take over when the configuration is read again.
    pub(super) origins: ArcSwap<Origins>,
    pub(super) factory: Arc<dyn ProtocolFactory>,
    /// Where connections are served.
    pub(super) loops: EventLoops,
    pub(super) registry: Registry,
    pub(super) addresses: Arc<Addresses>,
    pub(super) log: RefusalLog,
    pub(super) counters: SessionCounters,
    /// The number of the last connection.
    connections: AtomicU64,
    /// No new connections and handshakes. Set once, by `refuse_new`.
    pub(super) refusing: watch::Sender<bool>,
    /// HTTP connections end with the response that is under way. Set once, when the last session has ended.
    pub(super) finishing: watch::Sender<bool>,
    /// The bytes that wait in all outboxes.
    pub(super) waiting: Arc<WaitingBytes>,
    pub(super) sessions: Arc<Tasks>,
    /// Streams that no session has: HTTP connections, and websockets that are being closed.
    pub(super) streams: Arc<Tasks>,
    /// Set by `close_all`, for the sessions that are made while `close_all` runs: it would miss them.
    pub(super) closing: OnceLock<DisconnectReason>,
}

impl Engine {
    /// An engine without a listener. `factory` makes the Socket.IO side of each connection.
    pub(crate) fn new(
        mut options: Options,
        factory: Arc<dyn ProtocolFactory>,
        limit_hits: Arc<LimitHits>,
        loops: EventLoops,
    ) -> Arc<Self> {
        options.path = format!("/{}/", options.path.trim_matches('/')).replace("//", "/");
        let waiting = WaitingBytes::new(options.waiting_bytes_max.min(options.waiting_bytes_per_address_max));
        let addresses = Addresses::new(options.addresses);
        let origins = ArcSwap::from_pointee(std::mem::take(&mut options.origins));
        Arc::new(Self {
            options,
            origins,
            factory,
            loops,
            registry: Registry::default(),
            addresses,
            log: RefusalLog::new(limit_hits),
            counters: SessionCounters::default(),
            connections: AtomicU64::new(0),
            refusing: watch::Sender::new(false),
            finishing: watch::Sender::new(false),
            waiting,
            sessions: Arc::default(),
            streams: Arc::default(),
            closing: OnceLock::new(),
        })
    }

    /// From now on the pages of these origins may connect. Connections that are there stay.
    pub(crate) fn set_origins(&self, origins: Origins) {
        self.origins.store(Arc::new(origins));
    }

    /// Stops accepting. A handshake on a TCP connection that is open already is answered 503.
    pub(crate) fn refuse_new(&self) {
        self.refusing.send_replace(true);
    }

    /// Whether the server shuts down: true from `refuse_new` on.
    pub(crate) fn shutting_down(&self) -> watch::Receiver<bool> {
        self.refusing.subscribe()
    }

    /// Closes every session for this reason. What is queued is delivered if the client takes it.
    pub(crate) fn close_all(&self, reason: DisconnectReason) {
        let _ = self.closing.set(reason);
        for (_, outbox) in self.registry.all() {
            outbox.close_for_shutdown(reason);
        }
    }

    /// Resolves when no session is left, not even one whose calls still run, and the last responses and close frames are written,
    /// or not taken in time.
    pub(crate) async fn ended(&self) {
        self.sessions.ended().await;
        self.finishing.send_replace(true);
        // Twice: a client may use the time to close first, and again to answer the server's close frame.
        let _ = timeout(2 * CLOSE_DEADLINE, self.streams.ended()).await;
    }

    /// The event loops.
    pub(crate) fn loops(&self) -> &EventLoops {
        &self.loops
    }

    /// Sessions whose task has not ended.
    pub(crate) fn connections(&self) -> usize {
        self.sessions.len()
    }

    /// Connections in the order of their numbers, behind the number `after`: a page of at most `most`.
    pub(crate) fn connections_page(&self, after: u64, most: usize) -> Vec<ConnectionView> {
        self.registry.page(after, most)
    }

    /// TCP connections that no session has: those that HTTP is spoken on, and websockets that are being closed.
    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Bytes that wait for clients.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.bytes()
    }

    /// The sessions that were opened and closed.
    pub(crate) fn counters(&self) -> &SessionCounters {
        &self.counters
    }

    /// The number of a new connection in the log. Not the id of its session: whoever has that can read what the client gets.
    pub(super) fn next_connection(&self) -> u64 {
        // Relaxed: each only has to differ from those before it.
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn refuses(&self) -> bool {
        *self.refusing.borrow()
    }

    /// Closes a websocket that came for an upgrade and is not wanted.
    pub(super) fn close_probe(&self, request: ProbeRequest) {
        match request.accept() {
            Ok(websocket) => self.close_websocket(websocket, 1000, ClientSide::Open),
            // The drop of the stream has closed it.
            Err(error) => self.log.accept(&error),
        }
    }

    /// Closes a websocket that no session has any more.
    pub(super) fn close_websocket(&self, websocket: Websocket, code: u16, client: ClientSide) {
        let (task, length_max) = (self.streams.begin(), self.options.payload_bytes_max);
        // Ends when the client has closed its side, at the latest at the deadlines of the closing handshake.
        tokio::spawn(async move {
            closing::close_websocket(websocket, code, client, length_max).await;
            drop(task);
        });
    }
}

/// Resolves when the flag is set.
pub(super) async fn set(flag: &mut watch::Receiver<bool>) {
    // An error says that the engine is no more, which is the same to all who wait.
    let _ = flag.wait_for(|is_set| *is_set).await;
}
