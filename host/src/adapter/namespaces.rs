//! All namespaces of this node.

use std::sync::Arc;

use super::by_name::ByName;
use super::id::SocketId;
use super::index::SocketIndex;
use super::socket::{Namespace, Socket};
use crate::metrics::EventCounters;

/// The namespaces and their sockets.
///
/// Namespaces that plugins register by name are *fixed*: they are there as long as they are registered. All others are *made* on first
/// use, and gone with the last that uses them: a socket (a pending one, or one whose `disconnect` handler still runs, too), or a write.
/// Of each name there is one at any time: a new one is made only when nobody has the one before.
#[derive(Default)]
pub(crate) struct Adapter {
    namespaces: Arc<ByName<Namespace>>,
    sockets: Arc<SocketIndex<Arc<Socket>>>,
    /// Of all namespaces that are made. Their names are their clients', and they come and go.
    made_events: Arc<EventCounters>,
}

impl Adapter {
    /// The namespace of this name, made if it does not exist. Whether it may exist is decided by the registry of plugins.
    pub(crate) fn namespace(&self, name: &str) -> Arc<Namespace> {
        self.namespaces.get_or_make(name, || self.new_namespace(name, Some(&self.made_events)))
    }

    /// The namespace of this name, if it exists.
    pub(crate) fn existing(&self, name: &str) -> Option<Arc<Namespace>> {
        self.namespaces.get(name)
    }

    /// From now on the namespaces of these names are fixed, and no others. Those that are not any more go with their last users.
    pub(crate) fn set_fixed(&self, names: &[Box<str>]) {
        self.namespaces.set_fixed(names, |name| self.new_namespace(name, None), Namespace::set_fixed);
    }

    /// From now on `changed` gets the name of each namespace that comes or goes. It is called under a lock, so it only notes the name.
    /// The first caller counts.
    pub(crate) fn watch(&self, changed: impl Fn(&str) + Send + Sync + 'static) {
        self.namespaces.watch(Box::new(changed));
    }

    /// All namespaces, by their names.
    pub(crate) fn namespaces(&self) -> Vec<Arc<Namespace>> {
        let mut all = self.namespaces.all();
        all.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        all
    }

    /// What `/metrics` shows of the events of the namespaces that are made.
    pub(crate) fn made_events(&self) -> &EventCounters {
        &self.made_events
    }

    /// The connected socket with this id, in whichever namespace it is.
    pub(crate) fn find(&self, id: SocketId) -> Option<Arc<Socket>> {
        self.sockets.find(&id)
    }

    fn new_namespace(&self, name: &str, events: Option<&Arc<EventCounters>>) -> Namespace {
        Namespace::new(name, self.sockets.clone(), Arc::downgrade(&self.namespaces), events.cloned())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier, Mutex};
    use std::thread;

    use super::{Adapter, EventCounters};

    #[test]
    fn a_namespace_that_is_not_fixed_goes_with_its_last_user() {
        let adapter = Adapter::default();
        adapter.set_fixed(&["/".into(), "/chat".into()]);
        let listed = || adapter.namespaces().iter().map(|namespace| namespace.name().to_owned()).collect::<Vec<_>>();
        let room = adapter.namespace("/room");
        let again = adapter.namespace("/room");
        assert!(Arc::ptr_eq(&room, &again) && room.is_made());
        assert_eq!(listed(), ["/", "/chat", "/room"]);
        drop(room);
        assert!(adapter.existing("/room").is_some());
        drop(again);
        assert!(adapter.existing("/room").is_none() && adapter.namespaces.is_empty_of("/room"));
        assert_eq!(listed(), ["/", "/chat"]);
    }

    #[test]
    fn whoever_watches_learns_which_namespaces_come_and_go() {
        let adapter = Adapter::default();
        let watched = Arc::<Mutex<Vec<String>>>::default();
        let noted = watched.clone();
        adapter.watch(move |name| noted.lock().unwrap().push(name.to_owned()));
        let changes = || std::mem::take(&mut *watched.lock().unwrap());
        adapter.set_fixed(&["/".into()]);
        assert_eq!(changes(), ["/"]);
        let room = adapter.namespace("/room");
        drop(adapter.namespace("/room"));
        assert_eq!(changes(), ["/room"]);
        drop(room);
        assert_eq!(changes(), ["/room"]);
    }

    #[test]
    fn what_is_not_fixed_any_more_stays_for_those_who_have_it() {
        let adapter = Adapter::default();
        adapter.set_fixed(&["/".into(), "/chat".into(), "/empty".into()]);
        let chat = adapter.namespace("/chat");
        adapter.set_fixed(&["/".into()]);
        assert!(adapter.existing("/empty").is_none() && adapter.namespaces.is_empty_of("/empty"));
        assert!(Arc::ptr_eq(&chat, &adapter.namespace("/chat")));
        let room = adapter.namespace("/room");
        room.events().received("x");
        adapter.set_fixed(&["/".into(), "/chat".into(), "/room".into()]);
        assert!(!room.is_made() && Arc::ptr_eq(&room, &adapter.namespace("/room")));
        let counted = |events: &EventCounters| events.counted()[0].1;
        assert_eq!((counted(room.events()), counted(adapter.made_events())), (0, 1), "it counts for itself from now on");
        let address = Arc::as_ptr(&chat);
        drop(chat);
        assert_eq!(Arc::as_ptr(&adapter.namespace("/chat")), address, "fixed again, it is the same");
    }

    /// Whoever has a namespace at the same time as others has the same one as they.
    #[test]
    fn there_is_one_namespace_of_a_name_however_fast_it_comes_and_goes() {
        let (adapter, together) = (Arc::new(Adapter::default()), Arc::new(Barrier::new(3)));
        let users: Vec<_> = (0..3)
            .map(|_| {
                let (adapter, together) = (adapter.clone(), together.clone());
                thread::spawn(move || {
                    for _ in 0..2_000 {
                        together.wait();
                        let namespace = adapter.namespace("/room");
                        let found = adapter.existing("/room");
                        assert!(found.is_some_and(|found| Arc::ptr_eq(&found, &namespace)), "it is there while somebody has it");
                    }
                })
            })
            .collect();
        users.into_iter().for_each(|user| user.join().unwrap());
        assert!(adapter.namespaces.is_empty_of("/room"));
    }
}
