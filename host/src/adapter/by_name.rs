//! Finds a namespace of this node by its name.
//!
//! The type of the namespaces is a parameter, because a namespace removes itself from this table.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockWriteGuard, Weak};

/// The namespaces by name. Its lock is a leaf in the order of locks. No last reference to a namespace is dropped under it.
pub(super) struct ByName<N> {
    namespaces: RwLock<HashMap<Arc<str>, Listed<N>>>,
    /// Is told the names of those that come and go.
    changed: OnceLock<Changed>,
}

/// Called under the lock of the table.
type Changed = Box<dyn Fn(&str) + Send + Sync>;

enum Listed<N> {
    /// Stays.
    Fixed(Arc<N>),
    /// Goes with its last user. Once it has begun to go it cannot be found any more, and the next that is looked for is another one.
    Made(Weak<N>),
}

impl<N> Default for ByName<N> {
    fn default() -> Self {
        Self { namespaces: RwLock::default(), changed: OnceLock::new() }
    }
}

impl<N> ByName<N> {
    /// The namespace of this name.
    pub(super) fn get(&self, name: &str) -> Option<Arc<N>> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).get(name)?.get()
    }

    /// The namespace of this name, made if there is none.
    pub(super) fn get_or_make(&self, name: &str, make: impl FnOnce() -> N) -> Arc<N> {
        if let Some(namespace) = self.get(name) {
            return namespace;
        }
        let mut namespaces = self.write();
        if let Some(namespace) = namespaces.get(name).and_then(Listed::get) {
            return namespace;
        }
        let made = Arc::new(make());
        self.note(name);
        namespaces.insert(name.into(), Listed::Made(Arc::downgrade(&made)));
        made
    }

    /// From now on the namespaces of these names stay, and no others. Each is shown to `fixed`.
    pub(super) fn set_fixed(&self, names: &[Box<str>], mut make: impl FnMut(&str) -> N, fixed: impl Fn(&N)) {
        let mut before = Vec::new();
        let mut namespaces = self.write();
        for listed in namespaces.values_mut() {
            let Listed::Fixed(namespace) = listed else { continue };
            let made = Listed::Made(Arc::downgrade(namespace));
            before.extend(std::mem::replace(listed, made).get());
        }
        for name in names {
            let namespace = namespaces.get(&**name).and_then(Listed::get);
            let namespace = namespace.unwrap_or_else(|| Arc::new(make(name)));
            fixed(&namespace);
            self.note(name);
            namespaces.insert((&**name).into(), Listed::Fixed(namespace));
        }
        // What is not fixed any more may go, and needs the lock for that.
        drop(namespaces);
        drop(before);
    }

    /// All namespaces.
    pub(super) fn all(&self) -> Vec<Arc<N>> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).values().filter_map(Listed::get).collect()
    }

    /// A namespace of this name has gone. Another one of the same name stays.
    pub(super) fn gone(&self, name: &str) {
        let mut namespaces = self.write();
        // Not by a reference of its own, which might be the last.
        let is_gone = |listed: &Listed<N>| matches!(listed, Listed::Made(namespace) if namespace.strong_count() == 0);
        if namespaces.get(name).is_some_and(is_gone) {
            namespaces.remove(name);
            self.note(name);
        }
    }

    /// From now on `changed` learns what comes and goes, unless another one is already.
    pub(super) fn watch(&self, changed: Changed) {
        let _first_counts = self.changed.set(changed);
    }

    fn note(&self, name: &str) {
        if let Some(changed) = self.changed.get() {
            changed(name);
        }
    }

    /// Whether nothing is kept for this name.
    #[cfg(test)]
    pub(super) fn is_empty_of(&self, name: &str) -> bool {
        !self.write().contains_key(name)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Listed<N>>> {
        self.namespaces.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N> Listed<N> {
    fn get(&self) -> Option<Arc<N>> {
        match self {
            Self::Fixed(namespace) => Some(namespace.clone()),
            Self::Made(namespace) => namespace.upgrade(),
        }
    }
}
