//! The table from session ids to sessions, and what becomes of them when too much waits in all of them together.

use std::{
    cmp::Reverse,
    collections::HashMap,
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
    /// No request may name the session any more: it only delivers what was queued.
    is_hidden: bool,
}

impl Registry {
    pub(super) fn add(&self, session_id: SessionId, outbox: Arc<Outbox>) {
        self.lock().insert(session_id, Entry { outbox, is_hidden: false });
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

    /// All outboxes to which something may be sent.
    pub(super) fn all(&self) -> Vec<Arc<Outbox>> {
        self.lock().values().map(|entry| Arc::clone(&entry.outbox)).collect()
    }

    /// Ends the sessions for which the most waits, until `excess` bytes are freed.
    pub(super) fn relieve(&self, mut excess: usize) {
        let mut by_bytes: Vec<_> = self.all().into_iter().map(|outbox| (outbox.bytes(), outbox)).collect();
        by_bytes.sort_unstable_by_key(|(bytes, _)| Reverse(*bytes));
        for (bytes, outbox) in by_bytes {
            if excess == 0 {
                break;
            }
            outbox.relieve();
            excess = excess.saturating_sub(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
