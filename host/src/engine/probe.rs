//! A websocket that wants to take over a polling session.
//!
//! The client sends `2probe`, gets `3probe`, lets its last poll end (which a NOOP makes happen), and sends `5`. From then on
//! the session writes to the websocket. Until then polling goes on as before, so nothing is lost or overtaken: the client
//! reads its last poll before it sends `5`. A probe that fails leaves the session where it is.

use std::task::{Context, Poll};

use tokio::time::Instant;

use super::{
    decoder::{Flow, Message},
    websocket::{ReadOutcome, Websocket},
};
use crate::frame::Frame;

pub(super) struct Probe {
    pub(super) websocket: Websocket,
    /// Then it is dropped.
    pub(super) deadline: Instant,
    is_probed: bool,
}

/// Where the upgrade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeStatus {
    Pending,
    Failed,
    Upgraded,
}

impl Probe {
    pub(super) fn new(websocket: Websocket, deadline: Instant) -> Self {
        Self { websocket, deadline, is_probed: false }
    }

    /// Whether the client waits for its poll to end.
    pub(super) fn waits_for_poll(&self) -> bool {
        self.is_probed
    }

    /// Reads and writes what can be.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>, length_max: usize) -> ProbeStatus {
        loop {
            let was_probed = self.is_probed;
            let is_probed = &mut self.is_probed;
            let read = self.websocket.read(cx, length_max, &mut |message| match message {
                Message::Text("2probe") if !*is_probed => {
                    *is_probed = true;
                    Flow::Next
                }
                Message::Text("5") if *is_probed => Flow::Stop,
                Message::Ping(_) => Flow::Next,
                _ => Flow::End(()),
            });
            if self.is_probed && !was_probed {
                self.websocket.queue_frame(Frame::text(&[b"3probe"]));
            }
            if matches!(self.websocket.write_batch(cx), Poll::Ready(Err(_))) {
                return ProbeStatus::Failed;
            }
            match read {
                ReadOutcome::More => {}
                ReadOutcome::Idle => return ProbeStatus::Pending,
                ReadOutcome::Stopped => return ProbeStatus::Upgraded,
                ReadOutcome::Ended(()) | ReadOutcome::Gone | ReadOutcome::Violation(_) => return ProbeStatus::Failed,
            }
        }
    }
}
