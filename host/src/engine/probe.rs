//! A websocket that wants to take over a polling session.
//!
//! The client sends `2probe`, gets `3probe`, lets its last poll end (which a NOOP makes happen), and sends `5`. From then on
//! the session writes to the websocket. Until then polling goes on as before, so nothing is lost or overtaken: the client
//! reads its last poll before it sends `5`. A probe that fails leaves the session where it is.

use std::task::{Context, Poll};

use tokio::time::Instant;

use super::{
    decoder::{Flow, Message},
    websocket::{Read, Websocket},
};
use crate::frame::Frame;

pub(super) struct Probe {
    pub(super) websocket: Websocket,
    /// Then it is dropped.
    pub(super) until: Instant,
    probed: bool,
}

/// Where the upgrade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Waits,
    Failed,
    Upgraded,
}

impl Probe {
    pub(super) fn new(websocket: Websocket, until: Instant) -> Self {
        Self { websocket, until, probed: false }
    }

    /// Whether the client waits for its poll to end.
    pub(super) fn probed(&self) -> bool {
        self.probed
    }

    /// Reads and writes what can be.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>, length_max: usize) -> Step {
        loop {
            let before = self.probed;
            let probed = &mut self.probed;
            let read = self.websocket.read(cx, length_max, &mut |message| match message {
                Message::Text("2probe") if !*probed => {
                    *probed = true;
                    Flow::Next
                }
                Message::Text("5") if *probed => Flow::Stop,
                Message::Ping(_) => Flow::Next,
                _ => Flow::End(()),
            });
            if self.probed && !before {
                self.websocket.queue(Frame::text(&[b"3probe"]));
            }
            if matches!(self.websocket.write_batch(cx), Poll::Ready(Err(_))) {
                return Step::Failed;
            }
            match read {
                Read::More => {}
                Read::Idle => return Step::Waits,
                Read::Stopped => return Step::Upgraded,
                Read::Ended(()) | Read::Gone | Read::Violation(_) => return Step::Failed,
            }
        }
    }
}
