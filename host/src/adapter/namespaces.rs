//! All namespaces of this node.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::id::SocketId;
use super::index::SocketIndex;
use super::socket::{Namespace, Socket};

/// The namespaces by name. There are as many as plugins registered, so none is ever removed.
#[derive(Default)]
pub(crate) struct Adapter {
    namespaces: RwLock<HashMap<Arc<str>, Arc<Namespace>>>,
    sockets: Arc<SocketIndex<Arc<Socket>>>,
}

impl Adapter {
    /// The namespace of this name, created if it does not exist yet. Whether it may exist is decided by the registry of
    /// plugins.
    pub(crate) fn namespace(&self, name: &str) -> Arc<Namespace> {
        if let Some(namespace) = self.existing(name) {
            return namespace;
        }
        let mut namespaces = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        let create = || Arc::new(Namespace::new(name, self.sockets.clone()));
        namespaces.entry(name.into()).or_insert_with(create).clone()
    }

    /// The namespace of this name, if it exists.
    pub(crate) fn existing(&self, name: &str) -> Option<Arc<Namespace>> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All namespaces, by their names.
    pub(crate) fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let namespaces = self.namespaces.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = namespaces.values().cloned().collect();
        drop(namespaces);
        all.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        all
    }

    /// The connected socket with this id, in whichever namespace it is.
    pub(crate) fn find(&self, id: SocketId) -> Option<Arc<Socket>> {
        self.sockets.find(&id)
    }
}
