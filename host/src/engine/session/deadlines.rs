//! What a session does without being asked: one clock, set to whatever comes first.

use std::{pin::Pin, task::Context};

use tokio::time::{Instant, Sleep};

use super::{Pause, Session, SessionState};
use crate::{engine::heartbeat::HeartbeatAction, frame::Frame};

impl Session {
    /// Sets the clock for what comes next. True if it rang.
    pub(super) fn check_deadlines(&mut self, cx: &mut Context<'_>, mut clock: Pin<&mut Sleep>) -> bool {
        let Some(next) = self.next_deadline() else { return false };
        if clock.deadline() != next {
            clock.as_mut().reset(next);
        }
        if clock.poll(cx).is_pending() {
            return false;
        }
        self.handle_deadline(Instant::now());
        true
    }

    /// The next moment at which something has to be done without being asked.
    fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            SessionState::Gone => None,
            SessionState::Closing { until, .. } | SessionState::Lingering { until, .. } => Some(until),
            SessionState::Open => {
                let mut next = self.heartbeat.deadline();
                if let Pause::Until(until) = self.pause {
                    next = next.min(until);
                }
                Some(self.probe.as_ref().map_or(next, |probe| next.min(probe.deadline)))
            }
        }
    }

    fn handle_deadline(&mut self, now: Instant) {
        if !self.is_open() {
            return self.release_transport();
        }
        if matches!(self.pause, Pause::Until(until) if until <= now) {
            self.pause = Pause::Over;
        }
        if self.probe.as_ref().is_some_and(|probe| probe.deadline <= now) {
            self.probe = None;
        }
        match self.heartbeat.poll(now, self.engine.options.ping_timeout) {
            HeartbeatAction::Wait => {}
            HeartbeatAction::SendPing => self.outbox.push_engine_frame(Frame::text(&[b"2"])),
            HeartbeatAction::TimedOut => self.abort_with_reset("ping timeout"),
        }
    }
}
