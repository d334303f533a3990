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
    pub(super) fn answered(&mut self, now: Instant, interval: Duration) {
        self.at = now + interval;
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

    #[test]
    fn a_client_that_does_not_answer_dies_at_the_timeout() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut heartbeat = Heartbeat::new(start, second * 25);
        assert_eq!(heartbeat.due(start, second * 20), Beat::Rest);
        assert_eq!(heartbeat.due(start + second * 25, second * 20), Beat::Ask);
        assert_eq!(heartbeat.due(start + second * 44, second * 20), Beat::Rest);
        heartbeat.answered(start + second * 44, second * 25);
        assert_eq!(heartbeat.due(start + second * 69, second * 20), Beat::Ask);
        assert_eq!(heartbeat.due(start + second * 89, second * 20), Beat::Dead);
    }
}
