//! Timers of a socket that are due and have not run.

use std::sync::Arc;

/// A timer of a plugin that is due: the socket's queue runs it, in order with the client's events.
pub(crate) struct DueTimer {
    pub(crate) plugin: Arc<str>,
    pub(crate) name: Box<str>,
    pub(crate) data: Box<str>,
}

impl DueTimer {
    fn is(&self, plugin: &str, name: &str) -> bool {
        *self.plugin == *plugin && *self.name == *name
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
        if self.waiting.iter().any(|(_, other)| other.is(&timer.plugin, &timer.name)) {
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

    /// Takes the timer of this number, which begins, unless it was cancelled.
    pub(super) fn begin(&mut self, number: u64) -> Option<DueTimer> {
        let index = self.waiting.iter().position(|(other, _)| *other == number)?;
        Some(self.waiting.remove(index).1)
    }

    /// Removes a timer that has not begun.
    pub(super) fn cancel(&mut self, plugin: &str, name: &str) {
        self.waiting.retain(|(_, timer)| !timer.is(plugin, name));
    }

    pub(super) fn clear(&mut self) {
        self.waiting = Vec::new();
    }
}
