//! How late a loop comes to what is due: what every connection of the loop waits at that moment.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::Context,
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Time between two measurements: often enough to see what a person feels, and nothing that an idle server would show.
const PERIOD: Duration = Duration::from_millis(250);

/// The measurements of one loop. The three numbers are read one by one, so they can be of neighbouring measurements.
#[derive(Default)]
pub(crate) struct LoopDelay {
    last_us: AtomicU64,
    total_us: AtomicU64,
    count: AtomicU64,
}

#[allow(dead_code, reason = "read by /metrics, which is not there yet")]
impl LoopDelay {
    /// The delay at the last measurement.
    pub(crate) fn last(&self) -> Duration {
        Duration::from_micros(self.last_us.load(Ordering::Relaxed))
    }

    /// The sum of all measurements.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_micros(self.total_us.load(Ordering::Relaxed))
    }

    /// How often the delay was measured.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn note(&self, delay: Duration) {
        let delay_us = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.last_us.store(delay_us, Ordering::Relaxed);
        self.total_us.fetch_add(delay_us, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A timer that measures how late it is.
pub(super) struct DelayTimer {
    sleep: Pin<Box<Sleep>>,
}

impl DelayTimer {
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now() + PERIOD)) }
    }

    /// Measures if the time has come, and waits for the next time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, delay: &LoopDelay) {
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            delay.note(now.saturating_duration_since(self.sleep.deadline()));
            self.sleep.as_mut().reset(now + PERIOD);
        }
    }
}
