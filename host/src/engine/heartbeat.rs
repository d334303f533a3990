//! Whether the client is still there: the server asks, the client answers, as Engine.IO v4 wants it.

use std::time::Duration;

use tokio::time::Instant;

/// One moment is enough: that of the next PING, or the one by which a PONG must be here.
pub(super) struct Heartbeat {
    at: Instant,
    asked: bool,
}

/// What to do at the heartbeat's moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// It is not time.
    Rest,
    /// Send a PING.
    Ask,
    /// No PONG came in time.
    Dead,
}

impl Heartbeat {
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        Self { at: now + interval, asked: false }
    }

    /// When to look again.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// A PONG came. Only a PONG counts: a client that sends but never polls is not there.
    pub(super) fn answered(&mut self, interval: Duration) {
        self.at = Instant::now() + interval;
        self.asked = false;
    }

    pub(super) fn due(&mut self, now: Instant, timeout: Duration) -> Beat {
        if now < self.at {
            return Beat::Rest;
        }
        if self.asked {
            return Beat::Dead;
        }
        self.asked = true;
        self.at = now + timeout;
        Beat::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_dies_at_the_timeout() {
        let second = Duration::from_secs(1);
        let mut heartbeat = Heartbeat::new(Instant::now(), second * 25);
        assert_eq!(heartbeat.due(Instant::now(), second * 20), Beat::Rest);
        tokio::time::advance(second * 25).await;
        assert_eq!(heartbeat.due(Instant::now(), second * 20), Beat::Ask);
        tokio::time::advance(second * 19).await;
        assert_eq!(heartbeat.due(Instant::now(), second * 20), Beat::Rest);
        heartbeat.answered(second * 25);
        tokio::time::advance(second * 25).await;
        assert_eq!(heartbeat.due(Instant::now(), second * 20), Beat::Ask);
        tokio::time::advance(second * 20).await;
        assert_eq!(heartbeat.due(Instant::now(), second * 20), Beat::Dead);
    }
}
