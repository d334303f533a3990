//! What a session does when time has passed: one timer, set to whatever comes first.

use std::{pin::Pin, task::Context};

use tokio::time::{Instant, Sleep};

use super::state::{Pause, Session, SessionState};
use crate::{engine::heartbeat::HeartbeatAction, frame::Frame, reason::DisconnectReason};

impl Session {
    /// Sets the timer to the next deadline. True if that deadline had passed, and was handled.
    pub(super) fn check_deadlines(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> bool {
        let Some(next) = self.next_deadline() else { return false };
        if timer.deadline() != next {
            timer.as_mut().reset(next);
        }
        if timer.poll(cx).is_pending() {
            return false;
        }
        self.handle_deadline(Instant::now());
        true
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            SessionState::Gone => None,
            SessionState::Closing { until, .. } => Some(until),
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
            return self.give_up_delivery();
        }
        if matches!(self.pause, Pause::Until(until) if until <= now) {
            self.pause = Pause::Over;
        }
        if self.probe.as_ref().is_some_and(|probe| probe.deadline <= now) {
            self.end_probe();
        }
        match self.heartbeat.poll(now, self.engine.options.ping_timeout) {
            HeartbeatAction::Wait => {}
            HeartbeatAction::SendPing => self.outbox.push_engine_frame(Frame::text(&[b"2"])),
            HeartbeatAction::TimedOut => self.abort(DisconnectReason::PingTimeout),
        }
    }
}
