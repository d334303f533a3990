//! Who is in the house: namespaces, their sockets and rooms, and what each socket has open.
//!
//! The other rooms of the host read and change this one; it knows none of them. Locks are taken in one order, a namespace and
//! then one leaf below it (a socket's record, an outgoing sink), and never held over an await.

mod id;
mod namespace;
mod question;
mod sink;
mod socket;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use id::SocketId;
pub(crate) use namespace::{Locked, Namespace, Rooms};
pub(crate) use question::{Question, QuestionAnswers};
pub(crate) use sink::{Packet, Sink};
pub(crate) use socket::{DueTimer, Handshake, Socket, SocketState};

/// All namespaces. There are as many as plugins registered, so none is ever removed.
#[derive(Default)]
pub(crate) struct Adapter {
    namespaces: RwLock<HashMap<Arc<str>, Arc<Namespace>>>,
}

impl Adapter {
    /// The namespace of this name, made if it is not there yet. Whether it may exist is for the registry to say.
    pub(crate) fn namespace(&self, name: &str) -> Arc<Namespace> {
        if let Some(namespace) = self.existing(name) {
            return namespace;
        }
        let mut namespaces = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(Namespace::new(name));
        namespaces.entry(name.into()).or_insert_with(made).clone()
    }

    /// The namespace of this name, if there is one.
    pub(crate) fn existing(&self, name: &str) -> Option<Arc<Namespace>> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// A socket of any namespace.
    pub(crate) fn find(&self, id: SocketId) -> Option<Arc<Socket>> {
        let namespaces = self.namespaces.read().unwrap_or_else(PoisonError::into_inner);
        namespaces.values().find_map(|namespace| namespace.lock().socket(id))
    }
}
