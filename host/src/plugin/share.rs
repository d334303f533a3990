//! How much of the threads' time a plugin uses. One that uses more than its share runs on guest threads alone, where no connection
//! waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::running::PollTime;

/// The window in which time is counted.
const WINDOW: Duration = Duration::from_millis(100);
/// A plugin's share of the event loops in one window. What it uses on guest threads counts, too: so one that computes all the time
/// does not come back for each window's beginning.
const SHARE: Duration = Duration::from_millis(20);
/// Time in a guest that is shorter does not count: moving a call to another thread costs as much as several of these, and between
/// them every connection has its turn.
const SHORT: Duration = Duration::from_micros(50);

/// A poll that takes so long may have had the CPU for a part of it only: others compute, too. Then the plugin is watched for the rest of
/// the window and the next one, and only what threads worked for it counts.
const LONG: Duration = Duration::from_millis(1);
/// What a poll counts for at most before the plugin is watched.
const COUNTS_UNWATCHED: Duration = Duration::from_millis(4);

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
    is_watched: AtomicBool,
    /// The window of the last long poll.
    long_in: AtomicU64,
}

impl TimeShare {
    pub(super) fn new() -> Self {
        Self {
            origin: Instant::now(),
            window: AtomicU64::new(0),
            used: AtomicU64::new(0),
            used_before: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
            long_in: AtomicU64::new(0),
        }
    }

    /// Whether what threads work for the plugin is to be measured.
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    /// A poll of the plugin has ended. Returns whether it is over its share by that, and was not before.
    pub(super) fn add(&self, time: PollTime) -> bool {
        // Nearly always it is a short one of a plugin that is not watched.
        if time.took < SHORT && time.worked.is_none() {
            return false;
        }
        let window = self.begin_window(self.origin.elapsed());
        if time.took >= LONG {
            self.long_in.store(window, Ordering::Relaxed);
            self.is_watched.store(true, Ordering::Relaxed);
        } else if window > self.long_in.load(Ordering::Relaxed) + 1 {
            self.is_watched.store(false, Ordering::Relaxed);
        }
        let time = time.worked.unwrap_or(time.took.min(COUNTS_UNWATCHED));
        if time < SHORT {
            return false;
        }
        let nanos = nanos(time);
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
        self.begin_window(self.origin.elapsed());
        let most = nanos_of_share();
        let used = self.used.load(Ordering::Relaxed).max(self.used_before.load(Ordering::Relaxed));
        let is_over = used > most || has_queue();
        self.is_over.store(is_over, Ordering::Relaxed);
        is_over
    }

    /// Seconds of each second that the plugin ran in the last whole window.
    pub(super) fn used(&self) -> f64 {
        self.begin_window(self.origin.elapsed());
        Duration::from_nanos(self.used_before.load(Ordering::Relaxed)).as_secs_f64() / WINDOW.as_secs_f64()
    }

    /// The number of the window in which `now` is.
    fn begin_window(&self, now: Duration) -> u64 {
        let number = u64::try_from(now.as_nanos() / WINDOW.as_nanos()).unwrap_or(u64::MAX);
        let before = self.window.swap(number, Ordering::Relaxed);
        if before != number {
            let used = self.used.swap(0, Ordering::Relaxed);
            self.used_before.store(if before + 1 == number { used } else { 0 }, Ordering::Relaxed);
        }
        number
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

    use super::{COUNTS_UNWATCHED, LONG, PollTime, SHARE, SHORT, TimeShare, WINDOW};

    /// A poll during which its thread worked all the time.
    fn worked(time: Duration) -> PollTime {
        PollTime { took: time, worked: Some(time) }
    }

    fn unwatched(took: Duration) -> PollTime {
        PollTime { took, worked: None }
    }

    #[test]
    fn a_plugin_with_long_calls_is_over_its_share_until_it_rests_and_its_queue_is_empty() {
        let share = TimeShare::new();
        assert!(!share.add(worked(SHARE)));
        assert!(!share.is_over(|| true));
        assert!(share.add(worked(SHORT)), "now it is over");
        assert!(!share.add(worked(SHARE)), "it was before");
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
            assert!(!share.add(unwatched(SHORT - Duration::from_nanos(1))));
        }
        assert!(!share.is_over(|| true));
    }

    #[test]
    fn a_plugin_whose_calls_wait_for_a_cpu_is_watched_and_not_over_its_share() {
        let share = TimeShare::new();
        assert!(!share.is_watched());
        assert!(!share.add(unwatched(SHARE * 10)), "it counts for no more than {COUNTS_UNWATCHED:?}");
        assert!(share.is_watched());
        for _ in 0..1_000 {
            assert!(!share.add(PollTime { took: SHARE, worked: Some(SHORT / 2) }));
        }
        assert!(!share.is_over(|| true));
        std::thread::sleep(WINDOW * 3);
        assert!(!share.add(PollTime { took: LONG / 2, worked: Some(SHORT) }));
        assert!(!share.is_watched());
    }
}
