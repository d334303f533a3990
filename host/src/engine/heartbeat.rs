//! The heartbeat of Engine.IO v4: the server sends PING, the client answers PONG.

use std::time::Duration;

use tokio::time::Instant;

/// The heartbeat of one session. One moment is enough: that of the next PING, or the one by which the PONG must have arrived.
pub(super) struct Heartbeat {
    deadline: Instant,
    awaits_pong: bool,
}

/// What the session has to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeartbeatAction {
    /// Nothing: the deadline has not come.
    Wait,
    /// Send a PING.
    SendPing,
    /// End: no PONG arrived in time.
    TimedOut,
}

impl Heartbeat {
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        Self { deadline: now + interval, awaits_pong: false }
    }

    /// When to poll again.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A PONG arrived. Only a PONG counts: a client that sends but never polls does not receive anything.
    pub(super) fn pong_received(&mut self, now: Instant, interval: Duration) {
        self.deadline = now + interval;
        self.awaits_pong = false;
    }

    /// What is to be done at `now`. A PING that is due counts as sent.
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
    fn a_client_that_does_not_answer_times_out() {
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
