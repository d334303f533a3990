//! The timers of one plugin, by their keys and in the order in which they are due.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::call::TimerCall;
use crate::adapter::{Socket, SocketId, SocketState, TimerId};
use crate::budget::{Budget, Held};
use crate::fixed_limits::{TIMER_BYTES_MAX, TIMERS_MAX};
use crate::limit_hits::LimitHit;

/// How long a table that is full is not searched again for timers of disconnected sockets.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct TimerTable {
    pub(super) by_key: HashMap<TimerKey, PendingTimer>,
    /// The timers with a socket, in the order in which they are due; the number keeps the order of those that are due at once.
    pub(super) of_sockets: DueOrder,
    /// The same for timers without a socket.
    pub(super) own: DueOrder,
    pub(super) sequence: u64,
    /// What all of them take, those included that are due and wait in the queues of their sockets.
    pub(super) budget: Arc<Budget>,
    /// When the timers of disconnected sockets were last removed.
    pub(super) swept_at: Option<Instant>,
}

pub(super) type TimerKey = (TimerId, Option<SocketId>);
pub(super) type DueOrder = BTreeMap<(Instant, u64), TimerKey>;

pub(super) struct PendingTimer {
    pub(super) at: (Instant, u64),
    /// Weak, because a timer does not keep its socket.
    pub(super) socket: Option<Weak<Socket>>,
    pub(super) every: Option<Duration>,
    pub(super) data: Box<str>,
    pub(super) held: Held,
}

impl Default for TimerTable {
    fn default() -> Self {
        Self {
            by_key: HashMap::new(),
            of_sockets: DueOrder::new(),
            own: DueOrder::new(),
            sequence: 0,
            budget: Budget::new(TIMER_BYTES_MAX),
            swept_at: None,
        }
    }
}

impl TimerTable {
    /// Returns whether it is the first that is due, among those with a socket or those without.
    pub(super) fn add(&mut self, key: TimerKey, at: Instant, mut timer: PendingTimer) -> bool {
        self.sequence += 1;
        timer.at = (at, self.sequence);
        let order = self.order(&key);
        order.insert(timer.at, key.clone());
        let is_first = order.first_key_value().is_some_and(|(first, _)| *first == timer.at);
        self.by_key.insert(key, timer);
        is_first
    }

    pub(super) fn remove(&mut self, key: &TimerKey) -> Option<PendingTimer> {
        let set = self.by_key.remove(key)?;
        self.order(key).remove(&set.at);
        Some(set)
    }

    pub(super) fn order(&mut self, key: &TimerKey) -> &mut DueOrder {
        if key.1.is_some() { &mut self.of_sockets } else { &mut self.own }
    }

    /// The first timer without a socket that is due; else when the next one is.
    pub(super) fn pop_own_timer(&mut self, now: Instant) -> Result<TimerCall, Option<Instant>> {
        let key = first_due(&self.own, now)?;
        let Some(set) = self.remove(&key) else { return Err(Some(now)) };
        Ok(self.due(key, set, now).0)
    }

    /// The same for timers with a socket, with what the timer takes. A timer whose socket has disconnected is dropped.
    pub(super) fn pop_socket_timer(&mut self, now: Instant) -> Result<(Arc<Socket>, TimerCall, Option<Held>), Option<Instant>> {
        loop {
            let key = first_due(&self.of_sockets, now)?;
            let Some(set) = self.remove(&key) else { return Err(Some(now)) };
            let socket = set.socket.as_ref().and_then(Weak::upgrade).filter(|socket| socket.state() != SocketState::Disconnected);
            if let Some(socket) = socket {
                let (call, held) = self.due(key, set, now);
                return Ok((socket, call, held));
            }
        }
    }

    /// The call of a timer that is due, and what it takes. A repeating timer is set anew: a late one runs once, not as often as it was
    /// missed. Of its two copies the second counts if there is room.
    pub(super) fn due(&mut self, key: TimerKey, set: PendingTimer, now: Instant) -> (TimerCall, Option<Held>) {
        let Some(every) = set.every else { return (TimerCall { id: key.0, data: set.data }, Some(set.held)) };
        let next = if set.at.0 + every > now { set.at.0 + every } else { now + every };
        let call = TimerCall { id: key.0.clone(), data: set.data.clone() };
        let held = self.budget.hold(set.held.bytes());
        self.add(key, next, set);
        (call, held)
    }

    /// The bound that more timers would exceed. Where there is one, timers of disconnected sockets are removed, at most once in a while,
    /// because that is a walk over all of them.
    pub(super) fn exceeded_by(&mut self, timers: usize, bytes: usize) -> Option<LimitHit> {
        let exceeded = |table: &Self| {
            if table.by_key.len() + timers > TIMERS_MAX {
                return Some(LimitHit::Timers);
            }
            (table.budget.used() + bytes > TIMER_BYTES_MAX).then_some(LimitHit::TimerBytes)
        };
        let now = Instant::now();
        if exceeded(self).is_some() && self.swept_at.is_none_or(|swept_at| now.duration_since(swept_at) >= SWEEP_PAUSE) {
            self.swept_at = Some(now);
            self.sweep();
        }
        exceeded(self)
    }

    pub(super) fn sweep(&mut self) {
        let is_gone = |set: &PendingTimer| {
            let socket = set.socket.as_ref().map(Weak::upgrade);
            socket.is_some_and(|socket| socket.is_none_or(|socket| socket.state() == SocketState::Disconnected))
        };
        let gone: Vec<TimerKey> = self.by_key.iter().filter(|(_, set)| is_gone(set)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.remove(&key);
        }
    }
}

/// Bytes of a timer in the table, which has its id twice.
pub(super) fn cost(id: &TimerId, data: &str) -> usize {
    size_of::<PendingTimer>() + 2 * (size_of::<TimerKey>() + id.len()) + data.len()
}

/// The key of the first timer, if it is due; else when it is due.
fn first_due(order: &DueOrder, now: Instant) -> Result<TimerKey, Option<Instant>> {
    match order.first_key_value() {
        None => Err(None),
        Some((&(at, _), _)) if at > now => Err(Some(at)),
        Some((_, key)) => Ok(key.clone()),
    }
}
