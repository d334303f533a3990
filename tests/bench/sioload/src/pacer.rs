//! The clock of an open loop: due times at a fixed rate, whatever the server does.

use std::time::Duration;

/// Issues due times at a fixed rate. The next one is counted from the last due time and not from now, so a late turn is
/// made up for and the rate holds.
pub(crate) struct Pacer {
    step_ns: f64,
    due_ns: f64,
    /// The next due time, on the engine's clock.
    next: u64,
}

impl Pacer {
    pub(crate) fn new(rate: f64, now: u64) -> Self {
        Pacer { step_ns: 1e9 / rate, due_ns: now as f64, next: now }
    }

    /// The due time that `now` has reached, if any; call until none is left.
    pub(crate) fn due(&mut self, now: u64) -> Option<u64> {
        if self.next > now {
            return None;
        }
        let due = self.next;
        self.due_ns += self.step_ns;
        self.next = self.due_ns as u64;
        Some(due)
    }

    /// How long to wait for input: a millisecond less than to the next due time (epoll counts in those), then spinning. At low
    /// rates nothing spins, because the processor may be the server's: messages are up to a millisecond late then.
    pub(crate) fn wait(&self, now: u64) -> Duration {
        let left = self.next.saturating_sub(now);
        if self.step_ns > 4e6 {
            return Duration::from_nanos(left);
        }
        Duration::from_nanos(if left > 1_500_000 { left - 1_000_000 } else { 0 })
    }
}
