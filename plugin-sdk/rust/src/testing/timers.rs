//! The timers of one plugin, from `timers.set` until they are due.

use super::ids::SocketIndex;
use std::time::Duration;

/// A timer to set.
#[derive(Clone)]
pub(super) struct NewTimer {
    pub(super) id: TimerId,
    pub(super) socket: Option<SocketIndex>,
    pub(super) delay: Duration,
    pub(super) every: Option<Duration>,
    pub(super) data: String,
    /// An equal timer that is set already is left alone.
    pub(super) keep: bool,
}

/// The id of a timer among those of a plugin and a socket.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TimerId {
    pub(super) name: String,
    pub(super) key: Option<String>,
}

/// A timer that is due.
#[derive(Clone)]
pub(super) struct DueTimer {
    pub(super) id: TimerId,
    pub(super) data: String,
}

/// All timers of one plugin, in the order in which they were set.
#[derive(Default)]
pub(super) struct Timers {
    set: Vec<(Duration, NewTimer)>,
}

impl Timers {
    pub(super) fn add(&mut self, timer: NewTimer, now: Duration) {
        self.set.push((now + timer.delay, timer));
    }

    pub(super) fn remove(&mut self, id: &TimerId, socket: Option<SocketIndex>) {
        self.set.retain(|(_, timer)| timer.id != *id || timer.socket != socket);
    }

    /// Whether the timer that this one would replace is set, and how often it repeats.
    pub(super) fn interval(&self, id: &TimerId, socket: Option<SocketIndex>) -> Option<Option<Duration>> {
        self.set.iter().find(|(_, timer)| timer.id == *id && timer.socket == socket).map(|(_, timer)| timer.every)
    }

    /// Drops the timers of disconnected sockets.
    pub(super) fn retain_sockets(&mut self, is_there: impl Fn(SocketIndex) -> bool) {
        self.set.retain(|(_, timer)| timer.socket.is_none_or(&is_there));
    }

    /// Takes the first that is due out of those of sockets.
    pub(super) fn pop_of_socket(&mut self, now: Duration) -> Option<(SocketIndex, DueTimer)> {
        let (socket, due) = self.pop(now, true)?;
        Some((socket?, due))
    }

    /// Takes the first that is due out of those of no socket.
    pub(super) fn pop_of_plugin(&mut self, now: Duration) -> Option<DueTimer> {
        self.pop(now, false).map(|(_, due)| due)
    }

    /// When the first is due. Those of no socket are left out if they have to wait anyway.
    pub(super) fn next(&self, with_those_of_the_plugin: bool) -> Option<Duration> {
        let counted = self.set.iter().filter(|(_, timer)| with_those_of_the_plugin || timer.socket.is_some());
        counted.map(|(at, _)| *at).min()
    }

    /// A timer that repeats is set anew. A late one runs once, not as often as it was missed.
    fn pop(&mut self, now: Duration, of_sockets: bool) -> Option<(Option<SocketIndex>, DueTimer)> {
        let fits = |(at, timer): &(Duration, NewTimer)| *at <= now && timer.socket.is_some() == of_sockets;
        let index = (0..self.set.len()).filter(|index| fits(&self.set[*index])).min_by_key(|index| self.set[*index].0)?;
        let (at, timer) = self.set.remove(index);
        if let Some(every) = timer.every {
            let next = if at + every > now { at + every } else { now + every };
            self.set.push((next, timer.clone()));
        }
        Some((timer.socket, DueTimer { id: timer.id, data: timer.data }))
    }
}
