//! How fast a client takes the body of a response: in each span of time that is spent waiting for the client, so many bytes at least, as
//! for the body of a request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use crate::body::LeastPace;

/// The pace of what is written to one client. Only the time in which the client takes nothing is counted: what lies between two
/// responses is no concern of the client's pace.
pub(super) struct Pace {
    least: LeastPace,
    /// Bytes of this span.
    moved: u64,
    /// The time of this span that was spent waiting, but for the present wait.
    waited: Duration,
    /// The present wait, and a timer for the end of the span. Few clients make the server wait, and none pays for it before.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    pub(super) fn new(least: LeastPace) -> Self {
        Self { least, moved: 0, waited: Duration::ZERO, wait: None }
    }

    /// Bytes were taken.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
        if let Some((since, _)) = self.wait.take() {
            self.waited += since.elapsed();
        }
    }

    /// Nothing is taken now. `Ready` when the span is over and too little was.
    pub(super) fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let left = self.least.timeout.saturating_sub(self.waited);
            let (_, end) = self.wait.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            ready!(end.as_mut().poll(cx));
            if self.moved < self.least.bytes() {
                return Poll::Ready(());
            }
            *self = Self::new(self.least);
        }
    }
}
