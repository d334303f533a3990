//! Whether the client is still there: the server asks, the client answers, as Engine.IO v4 wants it.

use std::time::Duration;

use tokio::time::Instant;

/// One moment is enough: that of the next PING, or the one by which a PONG must be here.
pub(super) struct Heartbeat {
    deadline: Instant,
    awaits_pong: bool,
}

/// What to do at the heartbeat's moment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeartbeatAction {
    /// It is not time.
    Wait,
    /// Send a PING.
    SendPing,
    /// No PONG came in time.
    TimedOut,
}

impl Heartbeat {
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        Self { deadline: now + interval, awaits_pong: false }
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A PONG came. Only a PONG counts: a client that sends but never polls is not there.
    pub(super) fn pong_received(&mut self, now: Instant, interval: Duration) {
        self.deadline = now + interval;
        self.awaits_pong = false;
    }

    pub(super) fn poll(&mut self, now: Instant, timeout: Duration) -> HeartbeatAction {
        if now < self.deadline {
            return HeartbeatAction::Wait;
        }
        if self.awaits_pong {
            return HeartbeatAction::TimedOut;
        }
        self.awaits_pong = true;
        self.deadline = now + timeout;
        HeartbeatAction::SendPing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_not_answer_dies_at_the_timeout() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut heartbeat = Heartbeat::new(start, second * 25);
        assert_eq!(heartbeat.poll(start, second * 20), HeartbeatAction::Wait);
        assert_eq!(heartbeat.poll(start + second * 25, second * 20), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(start + second * 44, second * 20), HeartbeatAction::Wait);
        heartbeat.pong_received(start + second * 44, second * 25);
        assert_eq!(heartbeat.poll(start + second * 69, second * 20), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(start + second * 89, second * 20), HeartbeatAction::TimedOut);
    }
}
