//! All sessions of one listener: what they share, how they are counted, and how all of them end.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::{
    addresses::SessionsPerAddress, options::Options, protocol::ProtocolFactory, refusal_log::RefusalLog, registry::Registry,
};
use crate::reason::DisconnectReason;

/// The Engine.IO server.
pub(crate) struct Engine {
    pub(super) options: Options,
    pub(super) factory: Arc<dyn ProtocolFactory>,
    pub(super) registry: Registry,
    pub(super) addresses: Arc<SessionsPerAddress>,
    pub(super) log: RefusalLog,
    /// No new handshakes. Set once, by `refuse_new`, which also wakes the accept loop through `refused`.
    refusing: AtomicBool,
    pub(super) refused: Notify,
    /// Tasks of sessions. The last one that ends notifies `ended`.
    sessions: AtomicUsize,
    ended: Notify,
    /// Set by `close_all`, for the sessions that are made while `close_all` runs: it would miss them.
    pub(super) closing: OnceLock<DisconnectReason>,
}

impl Engine {
    /// An engine without a listener. `factory` makes the Socket.IO side of each connection.
    pub(crate) fn new(mut options: Options, factory: Arc<dyn ProtocolFactory>) -> Arc<Self> {
        options.path = format!("/{}/", options.path.trim_matches('/')).replace("//", "/");
        let addresses = SessionsPerAddress::new(options.sessions_per_address_max);
        Arc::new(Self {
            options,
            factory,
            registry: Registry::default(),
            addresses,
            log: RefusalLog::default(),
            refusing: AtomicBool::new(false),
            refused: Notify::new(),
            sessions: AtomicUsize::new(0),
            ended: Notify::new(),
            closing: OnceLock::new(),
        })
    }

    /// Stops accepting. A handshake on a TCP connection that is open already is answered 503.
    pub(crate) fn refuse_new(&self) {
        self.refusing.store(true, Ordering::Release);
        self.refused.notify_waiters();
        // A permit for an accept loop that has read the flag but does not wait yet.
        self.refused.notify_one();
    }

    /// Closes every session for this reason. What is queued is delivered if the client takes it.
    pub(crate) fn close_all(&self, reason: DisconnectReason) {
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

    pub(super) fn refuses(&self) -> bool {
        self.refusing.load(Ordering::Acquire)
    }

    pub(super) fn count_session(&self) {
        self.sessions.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn uncount_session(&self) {
        if self.sessions.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ended.notify_waiters();
        }
    }
}
