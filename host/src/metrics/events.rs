//! The events of one namespace, counted by name. Clients choose names, so only those that plugins registered are counted apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use foldhash::HashMap;

/// The label of all events without one of their own.
const OTHER: &str = "other";

/// Events that came from clients, and deliveries to them.
#[derive(Debug, Default)]
pub(crate) struct EventCounters {
    /// The names that are counted apart. Without them, everything counts as `other`. Another table takes over as a whole, so that an
    /// event that is counted meanwhile needs no lock.
    named: ArcSwap<Named>,
    other: Count,
}

type Named = HashMap<Box<str>, Arc<Count>>;

#[derive(Debug, Default)]
struct Count {
    received: AtomicU64,
    delivered: AtomicU64,
}

impl EventCounters {
    /// Counts events of these names apart, and of those that were named before, `most` together: what was counted stays on the page.
    pub(crate) fn name(&self, names: impl IntoIterator<Item = Box<str>>, most: usize) {
        let mut named = Named::clone(&self.named.load());
        for name in names {
            if named.len() < most || named.contains_key(&name) {
                named.entry(name).or_default();
            }
        }
        self.named.store(Arc::new(named));
    }

    /// A client sent an event.
    pub(crate) fn received(&self, event: &str) {
        // Relaxed: a number of its own.
        self.with(event, |count| count.received.fetch_add(1, Ordering::Relaxed));
    }

    /// An event was put into the outboxes of so many sockets.
    pub(crate) fn delivered(&self, event: &str, sockets: usize) {
        self.with(event, |count| count.delivered.fetch_add(sockets as u64, Ordering::Relaxed));
    }

    /// Each name, how often it was received, and how often it was delivered.
    pub(crate) fn counted(&self) -> Vec<(Box<str>, u64, u64)> {
        let named = self.named.load();
        let all = named.iter().map(|(name, count)| (&**name, &**count)).chain([(OTHER, &self.other)]);
        let mut counted: Vec<_> = all
            .map(|(name, count)| (name.into(), count.received.load(Ordering::Relaxed), count.delivered.load(Ordering::Relaxed)))
            .collect();
        counted.sort_unstable();
        counted
    }

    fn with<T>(&self, event: &str, change: impl FnOnce(&Count) -> T) -> T {
        let named = self.named.load();
        change(named.get(event).map_or(&self.other, |count| count))
    }
}

#[cfg(test)]
mod tests {
    use super::EventCounters;

    #[test]
    fn names_of_clients_are_not_counted_apart() {
        let counters = EventCounters::default();
        counters.name([Box::from("move")], 9);
        for event in ["move", "late", "made up"] {
            counters.received(event);
        }
        counters.delivered("move", 3);
        assert_eq!(counters.counted(), [("move".into(), 1, 3), ("other".into(), 2, 0)]);
    }

    #[test]
    fn names_that_come_later_leave_those_before_as_many_as_there_may_be() {
        let counters = EventCounters::default();
        counters.name([Box::from("before")], 9);
        counters.received("before");
        counters.name((0..20).map(|number| format!("later{number:02}").into()), 9);
        counters.received("later00");
        counters.received("later19");
        let counted = counters.counted();
        assert_eq!(counted.len(), 10);
        assert_eq!(counted[..2], [("before".into(), 1, 0), ("later00".into(), 1, 0)]);
        assert_eq!(counted.last(), Some(&("other".into(), 1, 0)));
    }
}
