//! The table from session ids to sessions.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
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
    /// When it was opened, in milliseconds since 1970.
    since_ms: u64,
}

/// A connection, for operators.
#[derive(Debug)]
pub(crate) struct ConnectionView {
    /// Its number in the log.
    pub(crate) number: u64,
    /// `polling` or `websocket`.
    pub(crate) transport: &'static str,
    pub(crate) address: IpAddr,
    /// When it was opened, in milliseconds since 1970.
    pub(crate) since_ms: u64,
    /// How many sockets it has.
    pub(crate) sockets: usize,
}

impl Registry {
    pub(super) fn add(&self, session_id: SessionId, outbox: Arc<Outbox>, address: IpAddr) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let since_ms = u64::try_from(since).unwrap_or(u64::MAX);
        self.lock().insert(session_id, Entry { outbox, address, is_hidden: false, since_ms });
    }

    /// At most `most` connections in the order of their numbers, behind the number `after`. The table is locked for one look at each
    /// number, and again for each connection of the page.
    pub(super) fn page(&self, after: u64, most: usize) -> Vec<ConnectionView> {
        let behind = |entry: &Entry| entry.outbox.connection() > after && !entry.is_hidden;
        let mut numbers: Vec<_> = {
            let sessions = self.lock();
            sessions.iter().filter(|(_, entry)| behind(entry)).map(|(id, entry)| (entry.outbox.connection(), *id)).collect()
        };
        if most < numbers.len() {
            numbers.select_nth_unstable_by_key(most, |(number, _)| *number);
            numbers.truncate(most);
        }
        numbers.sort_unstable_by_key(|(number, _)| *number);
        numbers.iter().filter_map(|(_, id)| self.view(id)).collect()
    }

    fn view(&self, session_id: &SessionId) -> Option<ConnectionView> {
        let (outbox, address, since_ms) = {
            let sessions = self.lock();
            let entry = sessions.get(session_id)?;
            (Arc::clone(&entry.outbox), entry.address, entry.since_ms)
        };
        let (transport, sockets) = (outbox.transport(), outbox.open_sockets());
        Some(ConnectionView { number: outbox.connection(), transport, address, since_ms, sockets })
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
