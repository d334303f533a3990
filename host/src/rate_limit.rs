//! Limits of rate: how many points a key has consumed in its window. The meaning is that of `rate-limiter-flexible`: a window opens with
//! the first point and closes after its time; what is consumed beyond the limit counts too.
//!
//! Each plugin has a table of its own, shared by all its instances and generations, so that plugins do not collide and none can
//! fill another's. A table is bounded. When it is full of open windows a *new* key counts as used up until the oldest window closes:
//! letting it through would make a flood of new keys the way around every limit. Keys that are in the table go on as before.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The keys of one plugin.
pub(crate) struct RateLimitTable {
    /// Held for one look-up and the closing of a few windows.
    windows: Mutex<Windows>,
    keys_max: usize,
}

#[derive(Default)]
struct Windows {
    open: HashMap<Arc<str>, Window>,
    /// Every window once, the first to close on top.
    closing: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    /// Whether the log was warned that the table is full; reset when there is room again.
    warned: bool,
}

struct Window {
    consumed: u32,
    closes: Instant,
}

/// The answer to taking points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    pub(crate) remaining: u32,
    pub(crate) consumed: u32,
    pub(crate) before_next: Duration,
}

impl RateLimitTable {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { windows: Mutex::default(), keys_max }
    }

    /// Takes points of a key. `limit` is the number of points in a window; an open window keeps the length with which it was opened.
    pub(crate) fn consume(&self, key: &str, points: u32, limit: u32, window: Duration, now: Instant) -> Decision {
        let mut windows = self.lock();
        windows.close(now);
        let full = windows.open.len() >= self.keys_max;
        let (consumed, closes) = match windows.open.get_mut(key) {
            Some(open) => {
                open.consumed = open.consumed.saturating_add(points);
                (open.consumed, open.closes)
            }
            None if full => return windows.full(now, points),
            None => {
                windows.open(key, points, now + window);
                (points, now + window)
            }
        };
        Decision {
            allowed: consumed <= limit,
            remaining: limit.saturating_sub(consumed),
            consumed,
            before_next: closes.saturating_duration_since(now),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Windows {
    fn open(&mut self, key: &str, consumed: u32, closes: Instant) {
        let key: Arc<str> = key.into();
        self.closing.push(Reverse((closes, key.clone())));
        self.open.insert(key, Window { consumed, closes });
        self.warned = false;
    }

    /// Removes every window whose time is over. Each was opened by one call, so this is cheap on average.
    fn close(&mut self, now: Instant) {
        while let Some(Reverse((closes, _))) = self.closing.peek()
            && *closes <= now
        {
            if let Some(Reverse((_, key))) = self.closing.pop() {
                self.open.remove(&key);
            }
        }
    }

    fn full(&mut self, now: Instant, points: u32) -> Decision {
        if !std::mem::replace(&mut self.warned, true) {
            let keys = self.open.len();
            tracing::warn!(keys, "the table of rate limits is full (rate_limit_keys_max): new keys count as used up");
        }
        let closes = self.closing.peek().map_or(now, |Reverse((closes, _))| *closes);
        Decision { allowed: false, remaining: 0, consumed: points, before_next: closes.saturating_duration_since(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::RateLimitTable;
    use std::time::Duration;
    use tokio::time::Instant;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_full_table_refuses_new_keys_until_a_window_closes_and_serves_the_old_ones() {
        let (table, mut now) = (RateLimitTable::new(2), Instant::now());
        assert!(table.consume("a", 1, 5, MINUTE, now).allowed);
        now += Duration::from_secs(20);
        assert!(table.consume("b", 1, 5, MINUTE, now).allowed);

        let refused = table.consume("c", 1, 5, MINUTE, now);
        assert_eq!((refused.allowed, refused.before_next), (false, Duration::from_secs(40)));
        assert!(table.consume("a", 1, 5, MINUTE, now).allowed);

        now += Duration::from_secs(40);
        assert!(table.consume("c", 1, 5, MINUTE, now).allowed);
        assert!(!table.consume("d", 1, 5, MINUTE, now).allowed);
        assert_eq!(table.lock().closing.len(), 2);
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
