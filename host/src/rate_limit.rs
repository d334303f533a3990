//! Limits of rate: how many points a key has consumed in its window. The meaning is that of `rate-limiter-flexible`: a window
//! opens with the first point and closes after its time; what is consumed beyond the limit counts too.
//!
//! Each plugin has a table of its own, shared by all its instances and generations, so that plugins do not collide and none can
//! fill another's. A table is bounded. When it is full of open windows, a new key takes the place of a window that is within
//! its limit, the one that closes first; windows beyond their limit go last. So a flood of new keys locks nobody out, and does
//! not reset what is refused: to push out a window beyond its limit, every window of the table has to be brought beyond its
//! own.

mod decision;
mod shared;

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use decision::Decision;
pub(crate) use shared::{Points, SharedLimits};

/// Below so many keys a table keeps its memory.
const KEYS_KEPT: usize = 1_024;

/// The keys of one plugin.
pub(crate) struct RateLimitTable {
    /// Held for one look-up and the closing of a few windows.
    windows: Mutex<Windows>,
    /// Keys are kept as 64 bits of a hash that nobody outside can compute, so that a window has the same size for every key. In
    /// a table of a million keys a new one shares the window of another with a probability of 1 to 10¹³.
    hasher: RandomState,
    keys_max: usize,
}

#[derive(Default)]
struct Windows {
    open: HashMap<u64, Window>,
    /// Every window once, the first to close in front: those within their limit, and those beyond it.
    within: BTreeSet<(Instant, u64)>,
    beyond: BTreeSet<(Instant, u64)>,
}

struct Window {
    consumed: u32,
    closes: Instant,
    is_beyond: bool,
}

impl RateLimitTable {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { windows: Mutex::default(), hasher: RandomState::new(), keys_max }
    }

    /// Takes points of a key. `limit` is the number of points in a window; an open window keeps the length with which it was
    /// opened.
    pub(crate) fn consume(&self, key: &str, points: u32, limit: u32, window: Duration, now: Instant) -> Decision {
        let key = self.hasher.hash_one(key);
        let mut windows = self.lock();
        windows.close(now);
        let displaced = windows.open.len() >= self.keys_max && !windows.open.contains_key(&key) && windows.displace();
        let (consumed, closes) = windows.take(key, points, limit, now + window);
        Decision {
            allowed: consumed <= limit,
            remaining: limit.saturating_sub(consumed),
            consumed,
            before_next: closes.saturating_duration_since(now),
            displaced,
        }
    }

    /// The number of open windows.
    pub(crate) fn keys(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Windows {
    /// Takes points of a key whose window closes at `closes` if it opens now. Returns what the window has and when it closes.
    fn take(&mut self, key: u64, points: u32, limit: u32, closes: Instant) -> (u32, Instant) {
        let before = self.open.get(&key).map(|window| (window.consumed, window.closes, window.is_beyond));
        let (consumed, closes) =
            before.map_or((points, closes), |(consumed, closes, _)| (consumed.saturating_add(points), closes));
        let is_beyond = consumed > limit;
        if before.is_none_or(|(_, _, was_beyond)| was_beyond != is_beyond) {
            let (from, to) = if is_beyond { (&mut self.within, &mut self.beyond) } else { (&mut self.beyond, &mut self.within) };
            from.remove(&(closes, key));
            to.insert((closes, key));
        }
        self.open.insert(key, Window { consumed, closes, is_beyond });
        (consumed, closes)
    }

    /// Removes every window whose time is over. Each was opened by one call, so this is cheap on average.
    fn close(&mut self, now: Instant) {
        for closing in [&mut self.within, &mut self.beyond] {
            while let Some((closes, key)) = closing.first().copied()
                && closes <= now
            {
                closing.pop_first();
                self.open.remove(&key);
            }
        }
        // After a peak its memory goes back.
        if self.open.capacity() > KEYS_KEPT && self.open.len() < self.open.capacity() / 8 {
            self.open.shrink_to(self.open.len() * 2);
        }
    }

    /// Makes room for one window.
    fn displace(&mut self) -> bool {
        let displaced = self.within.pop_first().or_else(|| self.beyond.pop_first());
        displaced.is_some_and(|(_, key)| self.open.remove(&key).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYS_KEPT, RateLimitTable};
    use std::time::Duration;
    use tokio::time::Instant;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_flood_of_new_keys_locks_nobody_out_and_resets_nobody_who_is_refused() {
        let (table, now) = (RateLimitTable::new(100), Instant::now());
        for _ in 0..6 {
            table.consume("address:abuser", 1, 5, MINUTE, now);
        }
        for number in 0..10_000 {
            let newcomer = table.consume(&format!("socket:{number}"), 1, 5, MINUTE, now);
            assert_eq!((newcomer.allowed, newcomer.consumed, newcomer.displaced), (true, 1, number >= 99), "{number}");
        }
        assert!(!table.consume("address:abuser", 1, 5, MINUTE, now).allowed);
        assert_eq!(table.keys(), 100);
    }

    #[test]
    fn in_a_full_table_the_window_goes_that_closes_first_and_one_beyond_its_limit_last() {
        let (table, mut now) = (RateLimitTable::new(3), Instant::now());
        table.consume("beyond", 6, 5, MINUTE, now);
        now += Duration::from_secs(1);
        table.consume("older", 1, 5, MINUTE, now);
        now += Duration::from_secs(1);
        table.consume("newer", 1, 5, MINUTE, now);

        assert!(table.consume("another", 1, 5, MINUTE, now).displaced);
        assert_eq!(table.consume("newer", 1, 5, MINUTE, now).consumed, 2);
        assert_eq!(table.consume("beyond", 1, 5, MINUTE, now).consumed, 7);
        for key in ["newer", "another"] {
            table.consume(key, 6, 5, MINUTE, now);
        }
        assert!(table.consume("one more", 1, 5, MINUTE, now).allowed, "also where all are beyond their limits");
        assert_eq!(table.consume("newer", 1, 5, MINUTE, now).consumed, 9);
    }

    #[test]
    fn after_a_peak_the_memory_goes_back() {
        let (table, now) = (RateLimitTable::new(usize::MAX), Instant::now());
        for number in 0..KEYS_KEPT * 20 {
            table.consume(&number.to_string(), 1, 5, MINUTE, now);
        }
        table.consume("key", 1, 5, MINUTE, now + MINUTE);
        assert_eq!(table.keys(), 1);
        assert!(table.lock().open.capacity() < KEYS_KEPT);
    }

    #[test]
    fn what_goes_beyond_the_limit_counts_and_does_not_extend_the_window() {
        let (table, mut now) = (RateLimitTable::new(10), Instant::now());
        let first = table.consume("key", 2, 3, MINUTE, now);
        assert_eq!((first.allowed, first.remaining, first.consumed, first.before_next), (true, 1, 2, MINUTE));
        now += Duration::from_secs(50);
        let second = table.consume("key", 2, 3, MINUTE, now);
        assert_eq!((second.allowed, second.remaining, second.consumed), (false, 0, 4));
        assert_eq!(second.before_next, Duration::from_secs(10));
        assert_eq!(table.consume("key", u32::MAX, 3, MINUTE, now).consumed, u32::MAX);
        now += Duration::from_secs(10);
        assert_eq!(table.consume("key", 3, 3, MINUTE, now).remaining, 0);
    }
}
