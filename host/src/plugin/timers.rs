//! The timers of one plugin, from `timers.set` until they are due. They live as long as the plugin, through traps and generations.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use innkeeper_contract::limits::TIMER_EVERY_MIN;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, sleep_until};

use super::call::TimerCall;
use super::timer_table::{PendingTimer, TimerKey, TimerTable, cost};
use crate::adapter::{DueTimer, Socket, TimerId};
use crate::budget::Budget;
use crate::effect::{Timer, TimerChange, Timers};
use crate::fixed_limits::{REFUSAL_LINES_MAX, TIMER_BYTES_MAX, TIMERS_MAX};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;

/// Timers of sockets that are queued under one hold of the lock.
const DUE_AT_ONCE: usize = 32;

/// All timers of one plugin.
pub(crate) struct PluginTimers {
    plugin: Arc<str>,
    /// Held while a due timer of a socket is put into the socket's queue, too: a call that clears or replaces the timer finds it here or
    /// there.
    table: Mutex<TimerTable>,
    /// How many timers the table had when it was last changed, for those who need not know it exactly.
    count: AtomicUsize,
    /// What all timers take, those included that are due and wait in the queues of their sockets.
    budget: Arc<Budget>,
    /// A timer was set that may be due before all others.
    changed: Notify,
    limit_hits: Arc<LimitHits>,
    /// Of the lines about timers that were not set.
    refusals: LogLimiter,
}

impl Timers for PluginTimers {
    fn change(&self, changes: &mut dyn Iterator<Item = TimerChange>) {
        let (mut is_first, mut refused) = (false, Vec::new());
        {
            let mut table = self.lock();
            for change in changes {
                match change {
                    TimerChange::Set(timer) => match self.set(&mut table, timer) {
                        Ok(first) => is_first |= first,
                        Err(refusal) => refused.push(refusal),
                    },
                    TimerChange::Clear { id, socket } => {
                        let key = (id, socket.as_ref().map(|socket| socket.id()));
                        self.remove(&mut table, &key, socket.as_ref());
                    }
                }
            }
            self.count.store(table.by_key.len(), Ordering::Relaxed);
        }
        // Whoever waits for the first one need not know of the others.
        if is_first {
            self.changed.notify_one();
        }
        for (id, limit) in refused {
            self.refuse(&id, limit);
        }
    }
}

impl PluginTimers {
    /// Sets a timer. Returns whether it is the first that is due, or the bound that it exceeds.
    fn set(&self, table: &mut TimerTable, timer: Timer) -> Result<bool, (TimerId, LimitHit)> {
        let every = timer.every.map(|every| every.max(TIMER_EVERY_MIN));
        let key = (timer.id, timer.socket.as_ref().map(|socket| socket.id()));
        if timer.keep && self.has_equal(table, &key, timer.socket.as_ref(), every) {
            return Ok(false);
        }
        self.remove(table, &key, timer.socket.as_ref());
        let bytes = cost(&key.0, &timer.data);
        let held = match table.exceeded_by(1, bytes) {
            Some(limit) => Err(limit),
            None => table.budget.hold(bytes).ok_or(LimitHit::TimerBytes),
        };
        let held = match held {
            Ok(held) => held,
            Err(limit) => return Err((key.0, limit)),
        };
        let socket = timer.socket.as_ref().map(Arc::downgrade);
        let at = Instant::now() + timer.delay;
        Ok(table.add(key, at, PendingTimer { at: (at, 0), socket, every, data: timer.data, held }))
    }

    /// Removes all timers. Returns how many there were.
    pub(crate) fn clear(&self) -> usize {
        let mut table = self.lock();
        let keys: Vec<_> = table.by_key.keys().cloned().collect();
        keys.iter().for_each(|key| drop(table.remove(key)));
        self.count.store(0, Ordering::Relaxed);
        keys.len()
    }

    /// How many timers are set.
    pub(super) fn len(&self) -> usize {
        self.lock().by_key.len()
    }

    pub(crate) fn new(plugin: Arc<str>, limit_hits: Arc<LimitHits>) -> Self {
        let refusals = LogLimiter::new(REFUSAL_LINES_MAX);
        let table = TimerTable::default();
        let (count, budget) = (AtomicUsize::new(0), table.budget.clone());
        Self { plugin, table: Mutex::new(table), count, budget, changed: Notify::new(), limit_hits, refusals }
    }

    /// A timer is not set, because there are too many. Its call has ended, so the log alone has it.
    fn refuse(&self, id: &TimerId, limit: LimitHit) {
        self.limit_hits.hit(limit);
        let Some(left_out) = self.refusals.admit() else { return };
        let (plugin, timer) = (&*self.plugin, &*id.name);
        tracing::warn!(
            plugin,
            timer,
            left_out,
            "a plugin has at most {TIMERS_MAX} timers of {TIMER_BYTES_MAX} bytes together: this one was not set"
        );
    }

    /// The bound that so many more timers of so many bytes would exceed. Other calls may come there before these are set.
    pub(super) fn exceeded_by(&self, timers: usize, bytes: usize) -> Option<LimitHit> {
        // Asked for each timer that a call records: nearly always there is room, and the lock is left to those who need it.
        let has_room = self.count.load(Ordering::Relaxed) + timers <= TIMERS_MAX && self.budget.used() + bytes <= TIMER_BYTES_MAX;
        if has_room { None } else { self.lock().exceeded_by(timers, bytes) }
    }

    /// The next timer without a socket, when it is due. Until then the due timers of sockets are put into their queues.
    pub(crate) async fn due(&self) -> TimerCall {
        loop {
            // Made before the look at the clock, so that a timer set in between wakes it.
            let changed = self.changed.notified();
            let next = {
                let mut table = self.lock();
                let now = Instant::now();
                let of_sockets = self.queue_socket_timers(&mut table, now);
                match table.pop_own_timer(now) {
                    Ok(due) => return due,
                    Err(own) => own.into_iter().chain(of_sockets).min(),
                }
            };
            wait(next, changed).await;
        }
    }

    /// Puts due timers of sockets into their queues for as long as it is polled: while the call for a timer without a socket runs.
    pub(crate) async fn forward_socket_timers(&self) -> Infallible {
        loop {
            let changed = self.changed.notified();
            let next = self.queue_socket_timers(&mut self.lock(), Instant::now());
            wait(next, changed).await;
        }
    }

    /// Puts due timers of sockets into their queues, a number of them. Returns when the next one is due.
    fn queue_socket_timers(&self, table: &mut TimerTable, now: Instant) -> Option<Instant> {
        for _ in 0..DUE_AT_ONCE {
            match table.pop_socket_timer(now) {
                Ok((socket, TimerCall { id, data }, held)) => {
                    socket.add_due_timer(DueTimer { plugin: self.plugin.clone(), id, data, _held: held });
                }
                Err(next) => {
                    self.count.store(table.by_key.len(), Ordering::Relaxed);
                    return next;
                }
            }
        }
        self.count.store(table.by_key.len(), Ordering::Relaxed);
        Some(now)
    }

    /// Removes a timer, also if it is due and its call has not begun.
    fn remove(&self, table: &mut TimerTable, key: &TimerKey, socket: Option<&Arc<Socket>>) {
        table.remove(key);
        if let Some(socket) = socket {
            socket.cancel_due_timer(&self.plugin, &key.0);
        }
    }

    /// Whether a timer with this key and this interval is set. One that is in the socket's queue alone does not repeat.
    fn has_equal(&self, table: &TimerTable, key: &TimerKey, socket: Option<&Arc<Socket>>, every: Option<Duration>) -> bool {
        match table.by_key.get(key) {
            Some(set) => set.every == every,
            None => every.is_none() && socket.is_some_and(|socket| socket.has_due_timer(&self.plugin, &key.0)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, TimerTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until then, or until a timer is set.
async fn wait(next: Option<Instant>, changed: Notified<'_>) {
    let clock = async {
        match next {
            // There are more: after the other tasks have had their turn.
            Some(at) if at <= Instant::now() => tokio::task::yield_now().await,
            Some(at) => sleep_until(at).await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = clock => {}
        () = changed => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Budget, LimitHit, PendingTimer, PluginTimers, TimerKey, TimerTable};
    use crate::adapter::TimerId;
    use crate::effect::{Timer, TimerChange, Timers};
    use crate::fixed_limits::{TIMER_BYTES_MAX, TIMERS_MAX};

    fn set_one(timers: &PluginTimers, timer: Timer) {
        timers.change(&mut std::iter::once(TimerChange::Set(timer)));
    }

    fn clear_one(timers: &PluginTimers, id: TimerId) {
        timers.change(&mut std::iter::once(TimerChange::Clear { id, socket: None }));
    }

    fn key(name: &str, key: Option<&str>) -> TimerKey {
        (TimerId { name: name.into(), key: key.map(Into::into) }, None)
    }

    fn pending(every: Option<Duration>) -> PendingTimer {
        PendingTimer { at: (Instant::now(), 0), socket: None, every, data: "".into(), held: Budget::new(0).part() }
    }

    fn names(table: &mut TimerTable, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| table.pop_own_timer(now).ok()).map(|due| due.id.name.into()).collect()
    }

    #[test]
    fn timers_run_in_the_order_in_which_they_are_due() {
        let (mut table, start, second) = (TimerTable::default(), Instant::now(), Duration::from_secs(1));
        for (name, delay) in [("late", 3), ("first", 1), ("second", 1)] {
            table.add(key(name, None), start + second * delay, pending(None));
        }
        assert!(names(&mut table, start).is_empty());
        assert_eq!(names(&mut table, start + second * 2), ["first", "second"]);
        assert_eq!(table.pop_own_timer(start).err().flatten(), Some(start + second * 3));
        assert_eq!(names(&mut table, start + second * 9), ["late"]);
        assert_eq!(table.pop_own_timer(start).err(), Some(None));
    }

    #[test]
    fn a_late_repetition_runs_once() {
        let (mut table, start, second) = (TimerTable::default(), Instant::now(), Duration::from_secs(1));
        table.add(key("tick", None), start + second, pending(Some(second)));
        assert_eq!(names(&mut table, start + second), ["tick"]);
        assert_eq!(names(&mut table, start + second * 10), ["tick"]);
        assert_eq!(table.pop_own_timer(start).err().flatten(), Some(start + second * 11));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_replaces_the_one_with_its_name_and_key_unless_it_keeps_an_equal_one() {
        let timers = PluginTimers::new("plugin".into(), Arc::default());
        let set = |of: Option<&str>, delay, every: Option<u64>, data: &str, keep| {
            let (id, _) = key("tick", of);
            let (delay, every) = (Duration::from_secs(delay), every.map(Duration::from_secs));
            set_one(&timers, Timer { id, socket: None, delay, every, data: data.into(), keep });
        };
        set(None, 9, None, "replaced", false);
        set(None, 1, None, "first", false);
        set(Some("a"), 2, None, "second", false);
        set(Some("a"), 9, None, "dropped", true);
        set(Some("b"), 9, None, "replaced, too", false);
        set(Some("b"), 3, Some(60), "third", true);
        clear_one(&timers, key("tick", Some("nothing")).0);
        for expected in ["first", "second", "third", "third"] {
            assert_eq!(*timers.due().await.data, *expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_plugin_has_so_many_timers_and_no_more() {
        let timers = PluginTimers::new("plugin".into(), Arc::default());
        for number in 0..TIMERS_MAX + 10 {
            let (id, _) = key("tick", Some(&number.to_string()));
            let delay = Duration::from_secs(1);
            set_one(&timers, Timer { id, socket: None, delay, every: None, data: "".into(), keep: false });
        }
        assert_eq!(timers.lock().by_key.len(), TIMERS_MAX);
        assert_eq!(timers.limit_hits.counted()["TIMERS_MAX"], 10);
        assert_eq!(timers.exceeded_by(1, 0), Some(LimitHit::Timers));
    }

    #[tokio::test(start_paused = true)]
    async fn all_timers_of_a_plugin_have_so_many_bytes_and_no_more() {
        let timers = PluginTimers::new("plugin".into(), Arc::default());
        let data: Box<str> = "x".repeat(64 << 10).into();
        for number in 0..10 + TIMER_BYTES_MAX / data.len() {
            let (id, _) = key("tick", Some(&number.to_string()));
            let delay = Duration::from_secs(1);
            set_one(&timers, Timer { id, socket: None, delay, every: None, data: data.clone(), keep: false });
        }
        assert!(timers.lock().budget.used() <= TIMER_BYTES_MAX && timers.len() < TIMER_BYTES_MAX / data.len());
        let (id, _) = key("tick", Some("0"));
        clear_one(&timers, id);
        assert_eq!(timers.exceeded_by(1, data.len()), None);
        assert_eq!(timers.exceeded_by(1, 2 * data.len()), Some(LimitHit::TimerBytes));
    }
}
