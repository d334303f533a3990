//! Which session has which id.
//!
//! A session id is a secret: who knows it can speak for the client. It has 120 bits from the system's generator, is never
//! logged, and has nothing to do with the ids of sockets, which applications show to everybody.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Outbox;

const SESSION_ID_BYTES: usize = 15;
const SESSION_ID_CHARS: usize = 20;

/// The id of a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionId([u8; SESSION_ID_BYTES]);

impl SessionId {
    /// A new id, or none when the system has no randomness to give.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; SESSION_ID_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// As the client writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != SESSION_ID_CHARS {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// As the client reads it.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

/// The sessions that a request may still ask for.
#[derive(Default)]
pub(super) struct Registry {
    /// HeldResponse for one look-up or change, never with another lock.
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

#[cfg(test)]
mod tests {
    use super::SessionId;

    #[test]
    fn a_session_id_has_twenty_characters_and_reads_back() {
        assert!(SessionId::parse("").is_none());
        assert!(SessionId::parse("!!!!!!!!!!!!!!!!!!!!").is_none());
        assert!(SessionId::parse("AAAAAAAAAAAAAAAAAAAAAAAA").is_none());
        let session_id = SessionId::random().unwrap();
        assert_eq!(session_id.text().len(), 20);
        assert!(SessionId::parse(&session_id.text()) == Some(session_id));
        assert!(SessionId::random() != Some(session_id));
    }
}
