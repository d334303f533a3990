//! How late a loop comes to what is due: what every connection of the loop waits at that moment.

use std::{pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::metrics::Histogram;

/// Time between two measurements: often enough to see what a person feels, and nothing that an idle server would show.
const PERIOD: Duration = Duration::from_millis(250);

/// A timer that measures how late it is.
pub(super) struct DelayTimer {
    sleep: Pin<Box<Sleep>>,
}

impl DelayTimer {
    pub(super) fn new() -> Self {
        Self { sleep: Box::pin(sleep_until(Instant::now() + PERIOD)) }
    }

    /// Measures if the time has come, and waits for the next time.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, delays: &Histogram) {
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            delays.add(now.saturating_duration_since(self.sleep.deadline()));
            self.sleep.as_mut().reset(now + PERIOD);
        }
    }
}
