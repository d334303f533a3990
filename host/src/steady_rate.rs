//! A rate: so many things in a second, and a number of them at once.
//!
//! What was let through is paid for with time: each thing takes its part of a second, and whoever has more to pay than the burst
//! allows has to wait. So one moment is all that has to be kept for each client.

use std::time::Duration;

use tokio::time::Instant;

/// The rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyRate {
    /// The time that one thing takes.
    interval: Duration,
    /// The time that those take which may come at once.
    burst: Duration,
}

/// How far one client has used a rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateUse {
    paid_until: Instant,
}

impl SteadyRate {
    /// `per_second` is at least one.
    pub(crate) fn new(per_second: usize, at_once: usize) -> Self {
        let per_second = u32::try_from(per_second).unwrap_or(u32::MAX).max(1);
        let interval = Duration::from_secs(1) / per_second;
        Self { interval, burst: interval.saturating_mul(u32::try_from(at_once).unwrap_or(u32::MAX)) }
    }
}

impl RateUse {
    pub(crate) fn unused() -> Self {
        Self { paid_until: Instant::now() }
    }

    /// Takes one thing. False if it is too soon for it; then nothing is taken.
    pub(crate) fn take(&mut self, rate: &SteadyRate) -> bool {
        let now = Instant::now();
        let paid_until = self.paid_until.max(now) + rate.interval;
        let is_allowed = paid_until.duration_since(now) <= rate.burst;
        if is_allowed {
            self.paid_until = paid_until;
        }
        is_allowed
    }

    /// Whether a client that has not come yet would have the same.
    pub(crate) fn is_unused(&self) -> bool {
        self.paid_until <= Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{RateUse, SteadyRate};

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate() {
        let (rate, mut used) = (SteadyRate::new(10, 3), RateUse::unused());
        assert_eq!([(); 5].map(|()| used.take(&rate)), [true, true, true, false, false]);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!([(); 2].map(|()| used.take(&rate)), [true, false]);
        assert!(!used.is_unused());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(used.is_unused());
        assert_eq!([(); 4].map(|()| used.take(&rate)), [true, true, true, false]);
    }
}
