//! The timers of one plugin, from `timers.set` until they are due.

use super::host_state::{HostState, SocketIndex, SocketState};
use super::queue::QueueItem;
use std::time::Duration;

/// Repeating faster than this would only be noise.
const EVERY_MIN: Duration = Duration::from_millis(1);

/// A timer to set.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) socket: Option<SocketIndex>,
    pub(super) delay: Duration,
    pub(super) every: Option<Duration>,
    pub(super) data: String,
}

/// A timer that is due.
#[derive(Clone)]
pub(super) struct DueTimer {
    pub(super) name: String,
    pub(super) data: String,
}

/// All timers of one plugin, in the order in which they were set.
#[derive(Default)]
pub(super) struct Timers {
    set: Vec<(Duration, Setting)>,
}

impl Timers {
    fn remove(&mut self, name: &str, socket: Option<SocketIndex>) {
        self.set.retain(|(_, setting)| setting.name != name || setting.socket != socket);
    }

    /// Takes the first that is due out of those of sockets, or of the plugin's own. One that repeats is set anew: a late one comes
    /// once, not as often as it was missed.
    fn pop(&mut self, now: Duration, of_sockets: bool) -> Option<(Option<SocketIndex>, DueTimer)> {
        let fits = |(at, setting): &(Duration, Setting)| *at <= now && setting.socket.is_some() == of_sockets;
        let index = (0..self.set.len()).filter(|index| fits(&self.set[*index])).min_by_key(|index| self.set[*index].0)?;
        let (at, setting) = self.set.remove(index);
        if let Some(every) = setting.every {
            let next = if at + every > now { at + every } else { now + every };
            self.set.push((next, setting.clone()));
        }
        Some((setting.socket, DueTimer { name: setting.name, data: setting.data }))
    }

    /// When the first is due, the plugin's own left out if they have to wait anyway.
    pub(super) fn next(&self, with_own: bool) -> Option<Duration> {
        let counted = self.set.iter().filter(|(_, setting)| with_own || setting.socket.is_some());
        counted.map(|(at, _)| *at).min()
    }

    /// The plugin's own timer that is due.
    pub(super) fn pop_own(&mut self, now: Duration) -> Option<DueTimer> {
        self.pop(now, false).map(|(_, due)| due)
    }
}

impl HostState {
    /// Sets a timer. One of the same name and socket is replaced, also if it was due and has not run.
    pub(super) fn set_timer(&mut self, plugin: usize, mut setting: Setting) {
        self.clear_timer(plugin, &setting.name, setting.socket);
        setting.every = setting.every.map(|every| every.max(EVERY_MIN));
        self.timers[plugin].set.push((self.now + setting.delay, setting));
    }

    pub(super) fn clear_timer(&mut self, plugin: usize, name: &str, socket: Option<SocketIndex>) {
        self.timers[plugin].remove(name, socket);
        if let Some(socket) = socket {
            self.sockets[socket].queue.forget_timer(plugin, name);
        }
    }

    /// Puts the timers of sockets that are due into the sockets' queues, and forgets those of sockets that left.
    pub(super) fn hand_out_timers(&mut self) {
        for plugin in 0..self.plugins.len() {
            let (timers, sockets) = (&mut self.timers[plugin], &mut self.sockets);
            timers.set.retain(|(_, setting)| setting.socket.is_none_or(|socket| sockets[socket].life != SocketState::Left));
            while let Some((Some(socket), due)) = timers.pop(self.now, true) {
                let queue = &mut sockets[socket].queue;
                // One that waits behind other things and is due again is late: it comes once.
                if !queue.has_timer(plugin, &due.name) {
                    queue.waiting.push_back(QueueItem::Timer { plugin, due });
                }
            }
        }
    }
}
