//! The table from session ids to sessions.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{outbox::Outbox, session_id::SessionId};

/// The sessions that a request may still name.
#[derive(Default)]
pub(super) struct Registry {
    /// Held for one look-up or change, never together with another lock.
    sessions: Mutex<HashMap<SessionId, Entry>>,
}

struct Entry {
    outbox: Arc<Outbox>,
    /// The client's.
    address: IpAddr,
    /// No request may name the session any more: it only delivers what was queued.
    is_hidden: bool,
}

impl Registry {
    pub(super) fn add(&self, session_id: SessionId, outbox: Arc<Outbox>, address: IpAddr) {
        self.lock().insert(session_id, Entry { outbox, address, is_hidden: false });
    }

    pub(super) fn find(&self, session_id: &SessionId) -> Option<Arc<Outbox>> {
        self.lock().get(session_id).filter(|entry| !entry.is_hidden).map(|entry| Arc::clone(&entry.outbox))
    }

    pub(super) fn hide(&self, session_id: &SessionId) {
        if let Some(entry) = self.lock().get_mut(session_id) {
            entry.is_hidden = true;
        }
    }

    pub(super) fn remove(&self, session_id: &SessionId) {
        self.lock().remove(session_id);
    }

    /// All outboxes to which something may be sent, with the addresses of their clients.
    pub(super) fn all(&self) -> Vec<(IpAddr, Arc<Outbox>)> {
        self.lock().values().map(|entry| (entry.address, Arc::clone(&entry.outbox))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
