//! The timers of one plugin: kept here from `timers.set` until they are due. They live as long as the plugin's place in the
//! configuration, whatever becomes of its instances.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::effect::{Timer, Timers};
use crate::sockets::{Life, Record, SocketId};

/// Timers that one plugin may have. Beyond it those of sockets that left are swept out; if that does not help, none is added.
pub(crate) const TIMERS_MAX: usize = 100_000;
/// Repeating faster than this would only be noise; the contract counts in milliseconds.
const EVERY_MIN: Duration = Duration::from_millis(1);

/// All timers of one plugin.
#[derive(Default)]
pub(crate) struct Alarms {
    state: Mutex<State>,
    /// A timer was set that may be due before all others.
    changed: Notify,
}

#[derive(Default)]
struct State {
    by_key: HashMap<Key, Set>,
    /// The same, in the order in which they are due; the number keeps the order of those that are due at once.
    order: BTreeMap<(Instant, u64), Key>,
    sequence: u64,
}

type Key = (Box<str>, Option<SocketId>);

struct Set {
    at: (Instant, u64),
    /// Gone with the socket: a timer does not keep it.
    socket: Option<Weak<Record>>,
    every: Option<Duration>,
    data: Box<str>,
}

/// A timer whose time has come.
pub(crate) struct Due {
    pub(crate) name: Box<str>,
    pub(crate) socket: Option<Arc<Record>>,
    pub(crate) data: Box<str>,
}

impl Timers for Alarms {
    fn set(&self, timer: Timer) {
        let mut state = self.lock();
        let key = (timer.name, timer.socket.as_ref().map(|socket| socket.id()));
        state.remove(&key);
        if state.by_key.len() >= TIMERS_MAX {
            state.sweep();
        }
        if state.by_key.len() >= TIMERS_MAX {
            tracing::warn!(timer = &*key.0, "a plugin has at most {TIMERS_MAX} timers: this one was not set");
            return;
        }
        let socket = timer.socket.as_ref().map(Arc::downgrade);
        let at = Instant::now() + timer.delay;
        state.add(key, at, socket, timer.every.map(|every| every.max(EVERY_MIN)), timer.data);
        drop(state);
        self.changed.notify_one();
    }

    fn clear(&self, name: &str, socket: Option<SocketId>) {
        self.lock().remove(&(name.into(), socket));
    }
}

impl Alarms {
    /// The next timer, when its time has come. Those of sockets that left are passed over.
    pub(crate) async fn due(&self) -> Due {
        loop {
            // Made before the look at the clock, so that a timer set in between wakes it.
            let changed = self.changed.notified();
            let next = {
                let mut state = self.lock();
                match state.pop(Instant::now()) {
                    Ok(due) => return due,
                    Err(next) => next,
                }
            };
            let clock = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = clock => {}
                () = changed => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, key: Key, at: Instant, socket: Option<Weak<Record>>, every: Option<Duration>, data: Box<str>) {
        self.sequence += 1;
        let at = (at, self.sequence);
        self.order.insert(at, key.clone());
        self.by_key.insert(key, Set { at, socket, every, data });
    }

    fn remove(&mut self, key: &Key) -> Option<Set> {
        let set = self.by_key.remove(key)?;
        self.order.remove(&set.at);
        Some(set)
    }

    /// The first timer that is due, set anew if it repeats: a late one comes once, not as often as it was missed. Else when the
    /// next one is due.
    fn pop(&mut self, now: Instant) -> Result<Due, Option<Instant>> {
        loop {
            let Some((&(at, _), key)) = self.order.first_key_value() else { return Err(None) };
            if at > now {
                return Err(Some(at));
            }
            let key = key.clone();
            let Some(set) = self.remove(&key) else { return Err(Some(now)) };
            let socket = match &set.socket {
                None => None,
                Some(socket) => match socket.upgrade().filter(|socket| socket.life() != Life::Left) {
                    Some(socket) => Some(socket),
                    None => continue,
                },
            };
            if let Some(every) = set.every {
                let next = if at + every > now { at + every } else { now + every };
                self.add(key.clone(), next, set.socket, set.every, set.data.clone());
            }
            return Ok(Due { name: key.0, socket, data: set.data });
        }
    }

    fn sweep(&mut self) {
        let is_gone = |set: &Set| {
            let socket = set.socket.as_ref().map(Weak::upgrade);
            socket.is_some_and(|socket| socket.is_none_or(|socket| socket.life() == Life::Left))
        };
        let gone: Vec<Key> = self.by_key.iter().filter(|(_, set)| is_gone(set)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::State;

    fn names(state: &mut State, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| state.pop(now).ok()).map(|due| due.name.into()).collect()
    }

    #[test]
    fn timers_come_in_the_order_in_which_they_are_due() {
        let (mut state, start, second) = (State::default(), Instant::now(), Duration::from_secs(1));
        for (name, delay) in [("late", 3), ("first", 1), ("second", 1)] {
            state.add((name.into(), None), start + second * delay, None, None, "".into());
        }
        assert!(names(&mut state, start).is_empty());
        assert_eq!(names(&mut state, start + second * 2), ["first", "second"]);
        assert_eq!(state.pop(start).err().flatten(), Some(start + second * 3));
        assert_eq!(names(&mut state, start + second * 9), ["late"]);
        assert_eq!(state.pop(start).err(), Some(None));
    }

    #[test]
    fn a_late_repetition_comes_once() {
        let (mut state, start, second) = (State::default(), Instant::now(), Duration::from_secs(1));
        state.add(("tick".into(), None), start + second, None, Some(second), "".into());
        assert_eq!(names(&mut state, start + second), ["tick"]);
        assert_eq!(names(&mut state, start + second * 10), ["tick"]);
        assert_eq!(state.pop(start).err().flatten(), Some(start + second * 11));
    }
}
