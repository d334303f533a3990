//! Timers of a socket that are due and have not run.

use std::sync::Arc;

/// The id of a timer among those of one plugin and one socket: a timer replaces the one with the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
}

impl DueTimer {
    fn is(&self, plugin: &str, id: &TimerId) -> bool {
        *self.plugin == *plugin && self.id == *id
    }
}

/// The due timers of one socket. The socket's queue keeps their numbers only, so that one can be cancelled while it waits
/// there.
#[derive(Default)]
pub(super) struct DueTimers {
    /// By number, in the order in which they became due.
    waiting: Vec<(u64, DueTimer)>,
    /// How many were ever added.
    added: u64,
    /// The numbers that the socket's queue has not taken.
    new: Vec<u64>,
}

impl DueTimers {
    /// Adds a timer, unless the same one still waits: a timer that is late runs once. Returns whether it was added.
    pub(super) fn add(&mut self, timer: DueTimer) -> bool {
        if self.waiting.iter().any(|(_, other)| other.is(&timer.plugin, &timer.id)) {
            return false;
        }
        self.added += 1;
        self.waiting.push((self.added, timer));
        self.new.push(self.added);
        true
    }

    /// The numbers of the timers that were added since the last call.
    pub(super) fn take_new(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.new)
    }

    /// Takes the timer of this number, whose call begins now; none if the timer was cancelled.
    pub(super) fn begin(&mut self, number: u64) -> Option<DueTimer> {
        let index = self.waiting.iter().position(|(other, _)| *other == number)?;
        Some(self.waiting.remove(index).1)
    }

    /// Removes a timer that has not begun.
    pub(super) fn cancel(&mut self, plugin: &str, id: &TimerId) {
        self.waiting.retain(|(_, timer)| !timer.is(plugin, id));
    }

    /// Whether a timer has not begun.
    pub(super) fn has(&self, plugin: &str, id: &TimerId) -> bool {
        self.waiting.iter().any(|(_, timer)| timer.is(plugin, id))
    }

    pub(super) fn clear(&mut self) {
        self.waiting = Vec::new();
    }
}
