//! How much of the threads' time a plugin uses. One that uses more than its share runs on guest threads alone, where no connection
//! waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The window in which time is counted.
const WINDOW: Duration = Duration::from_millis(100);
/// A plugin's share of the event loops in one window. What it uses on guest threads counts, too: so one that computes all the time
/// does not come back for each window's beginning.
const SHARE: Duration = Duration::from_millis(20);
/// Time in a guest that is shorter does not count: moving a call to another thread costs as much as several of these, and between
/// them every connection has its turn.
const SHORT: Duration = Duration::from_micros(50);

/// The time that one plugin used lately.
pub(super) struct TimeShare {
    origin: Instant,
    /// The number of the window that is counted. Two threads that begin one at once can lose what one of them adds: the next window
    /// has it again.
    window: AtomicU64,
    /// Nanoseconds in this window, and in the one before.
    used: AtomicU64,
    used_before: AtomicU64,
    is_over: AtomicBool,
}

impl TimeShare {
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
            window: AtomicU64::new(0),
            used: AtomicU64::new(0),
            used_before: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// A thread has worked so long for the plugin, in one poll. Returns whether it is over its share by that, and was not before.
    pub(super) fn add(&self, worked: Duration) -> bool {
        // Nearly always it is short.
        if worked < SHORT {
            return false;
        }
        self.begin_window();
        let nanos = nanos(worked);
        let used = self.used.fetch_add(nanos, Ordering::Relaxed) + nanos;
        used > nanos_of_share() && !self.is_over.swap(true, Ordering::Relaxed)
    }

    /// Whether the plugin used more than its share. One that did goes on to be over it while calls of it stand in the queue of the guest
    /// threads: where many plugins compute, none of them gets much.
    pub(super) fn is_over(&self, has_queue: impl FnOnce() -> bool) -> bool {
        // Nearly always it is not, and no clock is read.
        if !self.is_over.load(Ordering::Relaxed) {
            return false;
        }
        self.begin_window();
        let most = nanos_of_share();
        let used = self.used.load(Ordering::Relaxed).max(self.used_before.load(Ordering::Relaxed));
        let is_over = used > most || has_queue();
        self.is_over.store(is_over, Ordering::Relaxed);
        is_over
    }

    /// Seconds of each second that the plugin ran in the last whole window.
    pub(super) fn used(&self) -> f64 {
        self.begin_window();
        Duration::from_nanos(self.used_before.load(Ordering::Relaxed)).as_secs_f64() / WINDOW.as_secs_f64()
    }

    /// Begins the window of this moment, if it has not begun.
    fn begin_window(&self) {
        let number = nanos(self.origin.elapsed()) / nanos(WINDOW);
        let before = self.window.swap(number, Ordering::Relaxed);
        if before != number {
            let used = self.used.swap(0, Ordering::Relaxed);
            self.used_before.store(if before + 1 == number { used } else { 0 }, Ordering::Relaxed);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn nanos_of_share() -> u64 {
    nanos(SHARE)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{SHARE, SHORT, TimeShare, WINDOW};

    #[test]
    fn a_plugin_with_long_calls_is_over_its_share_until_it_rests_and_its_queue_is_empty() {
        let share = TimeShare::new();
        assert!(!share.add(SHARE));
        assert!(!share.is_over(|| true));
        assert!(share.add(SHORT), "now it is over");
        assert!(!share.add(SHARE), "it was before");
        assert!(share.is_over(|| false));
        std::thread::sleep(WINDOW * 3);
        assert!(share.is_over(|| true));
        assert!(!share.is_over(|| false));
        assert!(!share.is_over(|| true), "it has to use its share up anew");
    }

    #[test]
    fn short_calls_do_not_count() {
        let share = TimeShare::new();
        for _ in 0..1_000_000 {
            assert!(!share.add(SHORT - Duration::from_nanos(1)));
        }
        assert!(!share.is_over(|| true));
    }
}
