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

const SID_BYTES: usize = 15;
const SID_CHARS: usize = 20;

/// The id of a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sid([u8; SID_BYTES]);

impl Sid {
    /// A new id, or none when the system has no randomness to give.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; SID_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// As the client writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != SID_CHARS {
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
    /// Held for one look-up or change, never with another lock.
    sessions: Mutex<HashMap<Sid, Arc<Outbox>>>,
}

impl Registry {
    pub(super) fn add(&self, sid: Sid, outbox: Arc<Outbox>) {
        self.lock().insert(sid, outbox);
    }

    pub(super) fn find(&self, sid: &Sid) -> Option<Arc<Outbox>> {
        self.lock().get(sid).cloned()
    }

    pub(super) fn remove(&self, sid: &Sid) {
        self.lock().remove(sid);
    }

    pub(super) fn all(&self) -> Vec<Arc<Outbox>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, Arc<Outbox>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Sid;

    #[test]
    fn a_session_id_has_twenty_characters_and_reads_back() {
        assert!(Sid::parse("").is_none());
        assert!(Sid::parse("!!!!!!!!!!!!!!!!!!!!").is_none());
        assert!(Sid::parse("AAAAAAAAAAAAAAAAAAAAAAAA").is_none());
        let sid = Sid::random().unwrap();
        assert_eq!(sid.text().len(), 20);
        assert!(Sid::parse(&sid.text()) == Some(sid));
        assert!(Sid::random() != Some(sid));
    }
}
