//! What a session does when time has passed: one timer, set to whatever comes first.

use std::{pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep};

use super::state::{Pause, Session, SessionState};
use crate::{engine::heartbeat::HeartbeatAction, frame::Frame, limit_hits::LimitHit, reason::DisconnectReason};

impl Session {
    /// Sets the timer to the next deadline. True if that deadline had passed, and was handled.
    /// `blocked`: the transport takes no more now.
    pub(super) fn check_deadlines(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>, blocked: bool) -> bool {
        let Some(next) = self.next_deadline(blocked) else { return false };
        if timer.deadline() != next {
            timer.as_mut().reset(next);
        }
        if timer.poll(cx).is_pending() {
            return false;
        }
        self.handle_deadline(Instant::now());
        true
    }

    fn next_deadline(&self, blocked: bool) -> Option<Instant> {
        match self.state {
            SessionState::Gone => None,
            SessionState::Closing { until, .. } => Some(until),
            SessionState::Open => {
                let mut next = self.heartbeat.deadline();
                if let Pause::Until(until) = self.pause {
                    next = next.min(until);
                }
                if blocked && let Some(drained) = self.outbox.drain_deadline(self.drain_timeout()) {
                    next = next.min(drained);
                }
                Some(self.probe.as_ref().map_or(next, |probe| next.min(probe.deadline)))
            }
        }
    }

    /// How long what waits for the client may take to leave: a client that answers its PINGs reads each of them within this time, and
    /// so all that was queued before it. One that answers without reading would stay for ever.
    fn drain_timeout(&self) -> Duration {
        self.engine.options.ping_interval + self.engine.options.ping_timeout
    }

    fn handle_deadline(&mut self, now: Instant) {
        if !self.is_open() {
            return self.give_up_delivery();
        }
        if matches!(self.pause, Pause::Until(until) if until <= now) {
            self.pause = Pause::Over;
        }
        if self.probe.as_ref().is_some_and(|probe| probe.deadline <= now) {
            self.end_probe();
        }
        if self.outbox.drain_deadline(self.drain_timeout()).is_some_and(|drained| drained <= now) {
            return self.abort_slow(LimitHit::UnreadTime);
        }
        match self.heartbeat.poll(now, self.engine.options.ping_timeout) {
            HeartbeatAction::Wait => {}
            HeartbeatAction::SendPing => self.outbox.push_engine_frame(Frame::text(&[b"2"])),
            HeartbeatAction::TimedOut => self.abort(DisconnectReason::PingTimeout),
        }
    }
}
