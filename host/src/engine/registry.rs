//! The table from session ids to sessions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{outbox::Outbox, session_id::SessionId};

/// The sessions that a request may still name.
#[derive(Default)]
pub(super) struct Registry {
    /// Held for one look-up or change, never together with another lock.
    sessions: Mutex<HashMap<SessionId, Arc<Outbox>>>,
}

impl Registry {
    pub(super) fn add(&self, session_id: SessionId, outbox: Arc<Outbox>) {
        self.lock().insert(session_id, outbox);
    }

    pub(super) fn find(&self, session_id: &SessionId) -> Option<Arc<Outbox>> {
        self.lock().get(session_id).cloned()
    }

    pub(super) fn remove(&self, session_id: &SessionId) {
        self.lock().remove(session_id);
    }

    pub(super) fn all(&self) -> Vec<Arc<Outbox>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Outbox>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
