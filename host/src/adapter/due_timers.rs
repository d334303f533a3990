//! Timers of a socket that are due and have not run.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::budget::Held;

/// The id of a timer among those of one plugin and one socket: a timer replaces the one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerId {
    /// Finds the handler.
    pub(crate) name: Box<str>,
    /// None counts as a key of its own.
    pub(crate) key: Option<Box<str>>,
}

impl TimerId {
    /// Bytes of the name and the key.
    pub(crate) fn len(&self) -> usize {
        self.name.len() + self.key.as_ref().map_or(0, |key| key.len())
    }
}

/// A timer of a plugin that is due: the socket's queue runs it, in order with the client's events.
pub(crate) struct DueTimer {
    pub(crate) plugin: Arc<str>,
    pub(crate) id: TimerId,
    pub(crate) data: Box<str>,
    /// What it takes of the plugin's budget, until it begins.
    pub(crate) _held: Option<Held>,
}

/// The due timers of one socket. The socket's queue keeps their numbers only, so that one can be cancelled while it waits
/// there.
#[derive(Default)]
pub(super) struct DueTimers {
    /// By number, in the order in which they became due.
    waiting: BTreeMap<u64, DueTimer>,
    /// Their numbers, by plugin and id: thousands may be due at once.
    numbers: BTreeMap<(Arc<str>, TimerId), u64>,
    /// How many were ever added.
    added: u64,
    /// The numbers that the socket's queue has not taken.
    new: Vec<u64>,
}

impl DueTimers {
    /// Adds a timer, unless the same one still waits: a timer that is late runs once. Returns whether it was added.
    pub(super) fn add(&mut self, timer: DueTimer) -> bool {
        let Entry::Vacant(number) = self.numbers.entry((timer.plugin.clone(), timer.id.clone())) else { return false };
        self.added += 1;
        number.insert(self.added);
        self.waiting.insert(self.added, timer);
        self.new.push(self.added);
        true
    }

    /// The numbers of the timers that were added since the last call.
    pub(super) fn take_new(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.new)
    }

    /// Takes the timer of this number, whose call begins now; none if the timer was cancelled.
    pub(super) fn begin(&mut self, number: u64) -> Option<DueTimer> {
        let timer = self.waiting.remove(&number)?;
        self.numbers.remove(&(timer.plugin.clone(), timer.id.clone()));
        Some(timer)
    }

    /// Removes a timer that has not begun.
    pub(super) fn cancel(&mut self, plugin: &Arc<str>, id: &TimerId) {
        // Mostly none is due, and nothing is to be copied for the look.
        if !self.waiting.is_empty()
            && let Some(number) = self.numbers.remove(&(plugin.clone(), id.clone()))
        {
            self.waiting.remove(&number);
        }
    }

    /// Whether a timer has not begun.
    pub(super) fn has(&self, plugin: &Arc<str>, id: &TimerId) -> bool {
        !self.waiting.is_empty() && self.numbers.contains_key(&(plugin.clone(), id.clone()))
    }

    pub(super) fn clear(&mut self) {
        (self.waiting, self.numbers) = (BTreeMap::new(), BTreeMap::new());
    }
}
