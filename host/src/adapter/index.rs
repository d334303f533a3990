//! Finds a socket of this node by its id, in whichever namespace it is.
//!
//! The type of the sockets is a parameter, because a socket refers to its namespace, and the namespace to this table.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::id::{IdHash, SocketId};

/// What the index keeps: it knows its own id.
pub(super) trait HasId {
    fn id(&self) -> &SocketId;
}

/// The connected sockets of all namespaces. Changed under the lock of the socket's namespace, so that a socket is here as long
/// as it is there.
pub(super) struct SocketIndex<S> {
    // A set and no map: every idle socket has an entry, and its id stands in the socket already.
    sockets: Mutex<HashSet<ById<S>, IdHash>>,
}

impl<S> Default for SocketIndex<S> {
    fn default() -> Self {
        Self { sockets: Mutex::default() }
    }
}

impl<S: HasId + Clone> SocketIndex<S> {
    pub(super) fn find(&self, id: &SocketId) -> Option<S> {
        self.lock().get(id).map(|found| found.0.clone())
    }

    pub(super) fn insert(&self, socket: S) {
        self.lock().insert(ById(socket));
    }

    pub(super) fn remove(&self, id: &SocketId) {
        // The last reference is dropped behind the lock.
        let _removed = self.lock().take(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<ById<S>, IdHash>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that counts as its id.
struct ById<S>(S);

impl<S: HasId> PartialEq for ById<S> {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}

impl<S: HasId> Eq for ById<S> {}

impl<S: HasId> Hash for ById<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl<S: HasId> Borrow<SocketId> for ById<S> {
    fn borrow(&self) -> &SocketId {
        self.0.id()
    }
}
