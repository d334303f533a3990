//! What a session does without being asked: one clock, set to whatever comes first.

use std::{pin::Pin, task::Context};

use tokio::time::{Instant, Sleep};

use super::{Life, Pause, Session};
use crate::{engine::heartbeat::Beat, frame::Frame};

impl Session {
    /// Sets the clock for what comes next. True if it rang.
    pub(super) fn ring(&mut self, cx: &mut Context<'_>, mut clock: Pin<&mut Sleep>) -> bool {
        let Some(next) = self.next() else { return false };
        if clock.deadline() != next {
            clock.as_mut().reset(next);
        }
        if clock.poll(cx).is_pending() {
            return false;
        }
        self.due(Instant::now());
        true
    }

    /// The next moment at which something has to be done without being asked.
    fn next(&self) -> Option<Instant> {
        match self.life {
            Life::Gone => None,
            Life::Closing { until, .. } | Life::Lingering { until, .. } => Some(until),
            Life::Open => {
                let mut next = self.heartbeat.at();
                if let Pause::Until(until) = self.pause {
                    next = next.min(until);
                }
                Some(self.probe.as_ref().map_or(next, |probe| next.min(probe.until)))
            }
        }
    }

    fn due(&mut self, now: Instant) {
        if !self.is_open() {
            return self.leave();
        }
        if matches!(self.pause, Pause::Until(until) if until <= now) {
            self.pause = Pause::Over;
        }
        if self.probe.as_ref().is_some_and(|probe| probe.until <= now) {
            self.probe = None;
        }
        match self.heartbeat.due(now, self.engine.options.ping_timeout) {
            Beat::Rest => {}
            Beat::Ask => self.outbox.own(Frame::text(&[b"2"])),
            Beat::Dead => self.kill("ping timeout"),
        }
    }
}
