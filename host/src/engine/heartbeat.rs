//! The heartbeat of Engine.IO v4: the server sends PING, the client answers PONG.
//!
//! The PINGs are due at multiples of the interval from the session's start. A PING that is late, or a PONG, moves none of those
//! that follow: lateness does not add up. (In Node each PING is due an interval after the last PONG.) The client, which waits
//! for the interval and the timeout together, sees no gap that is longer, because a PONG may be late by the timeout at most.

use std::time::Duration;

use tokio::time::Instant;

/// The heartbeat of one session.
pub(super) struct Heartbeat {
    /// When the last PING was due; at first the session's start.
    last_due: Instant,
    /// When the next PING is due, or the PONG must have arrived.
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
        Self { last_due: now, deadline: now + interval, awaits_pong: false }
    }

    /// When to poll again.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A PONG arrived. Only a PONG counts: a client that sends but never polls does not receive anything.
    pub(super) fn pong_received(&mut self, now: Instant, interval: Duration) {
        if !self.awaits_pong {
            return;
        }
        self.awaits_pong = false;
        self.deadline = self.last_due + interval;
        if self.deadline <= now {
            // The client was so late that PINGs have been left out: the next multiple.
            let into_interval = (now - self.last_due).as_nanos() % interval.as_nanos().max(1);
            self.deadline = now + interval - Duration::from_nanos(u64::try_from(into_interval).unwrap_or_default());
        }
    }

    /// What is to be done at `now`. A PING that is due counts as sent. The client has the whole timeout from there, however late
    /// the PING is.
    pub(super) fn poll(&mut self, now: Instant, timeout: Duration) -> HeartbeatAction {
        if now < self.deadline {
            return HeartbeatAction::Wait;
        }
        if self.awaits_pong {
            return HeartbeatAction::TimedOut;
        }
        self.awaits_pong = true;
        self.last_due = self.deadline;
        self.deadline = now + timeout;
        HeartbeatAction::SendPing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const TIMEOUT: Duration = Duration::from_secs(20);

    /// A heartbeat, and the moment so many seconds after its start.
    fn started() -> (Heartbeat, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        (Heartbeat::new(start, INTERVAL), move |seconds| start + Duration::from_secs(seconds))
    }

    #[test]
    fn a_client_that_does_not_answer_times_out() {
        let (mut heartbeat, at) = started();
        assert_eq!(heartbeat.poll(at(0), TIMEOUT), HeartbeatAction::Wait);
        assert_eq!(heartbeat.poll(at(25), TIMEOUT), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(at(44), TIMEOUT), HeartbeatAction::Wait);
        heartbeat.pong_received(at(44), INTERVAL);
        assert_eq!(heartbeat.poll(at(49), TIMEOUT), HeartbeatAction::Wait);
        assert_eq!(heartbeat.poll(at(50), TIMEOUT), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(at(69), TIMEOUT), HeartbeatAction::Wait);
        assert_eq!(heartbeat.poll(at(70), TIMEOUT), HeartbeatAction::TimedOut);
    }

    #[test]
    fn a_late_ping_leaves_the_client_its_time_and_the_next_ping_its_moment() {
        let (mut heartbeat, at) = started();
        assert_eq!(heartbeat.poll(at(31), TIMEOUT), HeartbeatAction::SendPing);
        assert_eq!(heartbeat.poll(at(50), TIMEOUT), HeartbeatAction::Wait);
        heartbeat.pong_received(at(50), INTERVAL);
        assert_eq!(heartbeat.deadline(), at(75), "the multiple at 50 is over");
        assert_eq!(heartbeat.poll(at(75), TIMEOUT), HeartbeatAction::SendPing);
        heartbeat.pong_received(at(76), INTERVAL);
        assert_eq!(heartbeat.deadline(), at(100));
    }

    #[test]
    fn a_pong_that_nothing_asked_for_puts_off_no_ping() {
        let (mut heartbeat, at) = started();
        heartbeat.pong_received(at(20), INTERVAL);
        assert_eq!(heartbeat.deadline(), at(25));
    }
}
