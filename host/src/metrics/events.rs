//! The events of one namespace, counted by name. Clients choose names, so only those that plugins registered are counted apart.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::HashMap;

/// The label of all events without one of their own.
const OTHER: &str = "other";

/// Events that came from clients, and deliveries to them.
#[derive(Debug, Default)]
pub(crate) struct EventCounters {
    /// The names that are counted apart. Without them, everything counts as `other`.
    named: OnceLock<HashMap<Box<str>, Count>>,
    other: Count,
}

#[derive(Debug, Default)]
struct Count {
    received: AtomicU64,
    delivered: AtomicU64,
}

impl EventCounters {
    /// Counts events of these names apart. A second call does nothing.
    pub(crate) fn name(&self, names: impl IntoIterator<Item = Box<str>>) {
        let _named_before = self.named.set(names.into_iter().map(|name| (name, Count::default())).collect());
    }

    /// A client sent an event.
    pub(crate) fn received(&self, event: &str) {
        // Relaxed: a number of its own.
        self.count(event).received.fetch_add(1, Ordering::Relaxed);
    }

    /// An event was put into the outboxes of so many sockets.
    pub(crate) fn delivered(&self, event: &str, sockets: usize) {
        self.count(event).delivered.fetch_add(sockets as u64, Ordering::Relaxed);
    }

    /// Each name, how often it was received, and how often it was delivered.
    pub(crate) fn counted(&self) -> Vec<(&str, u64, u64)> {
        let named = self.named.get().into_iter().flatten().map(|(name, count)| (&**name, count));
        let all = named.chain([(OTHER, &self.other)]);
        let mut counted: Vec<_> = all
            .map(|(name, count)| (name, count.received.load(Ordering::Relaxed), count.delivered.load(Ordering::Relaxed)))
            .collect();
        counted.sort_unstable();
        counted
    }

    fn count(&self, event: &str) -> &Count {
        self.named.get().and_then(|named| named.get(event)).unwrap_or(&self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::EventCounters;

    #[test]
    fn names_of_clients_are_not_counted_apart() {
        let counters = EventCounters::default();
        counters.name([Box::from("move")]);
        counters.name([Box::from("late")]);
        for event in ["move", "late", "made up"] {
            counters.received(event);
        }
        counters.delivered("move", 3);
        assert_eq!(counters.counted(), [("move", 1, 3), ("other", 2, 0)]);
    }
}
