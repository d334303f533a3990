//! The upgrade of a polling session to a websocket, up to the moment at which the session writes to the websocket.
//!
//! The client sends `2probe`, receives `3probe`, waits until its last poll has ended (a NOOP ends it), and sends `5`. From then
//! on the session writes to the websocket. Until then polling goes on as before, so nothing is lost or overtaken: the client
//! reads the response to its last poll before it sends `5`. A probe that fails leaves the session on polling.

use std::{
    io,
    task::{Context, Poll},
};

use tokio::time::Instant;

use super::{
    byte_stream::DetachedStream,
    decoder::{Flow, Message},
    websocket::{ReadOutcome, Websocket},
};
use crate::frame::Frame;

/// A websocket on its way to the session that it is for. Its handshake may have come on another loop: the session's loop polls it from
/// now on, so that a packet wakes one thread and not two.
pub(super) struct ProbeRequest {
    pub(super) stream: DetachedStream,
    /// Bytes that were read from the stream already.
    pub(super) read_ahead: Vec<u8>,
    /// The head of the response to the handshake, which is not yet written.
    pub(super) head: Vec<u8>,
}

impl ProbeRequest {
    /// The websocket, on the loop of whoever calls.
    pub(super) fn accept(self) -> io::Result<Websocket> {
        let mut websocket = Websocket::new(self.stream.attach()?, &self.read_ahead);
        websocket.queue_frame(Frame::raw(self.head));
        Ok(websocket)
    }
}

/// A websocket on which an upgrade is under way.
pub(super) struct Probe {
    pub(super) websocket: Websocket,
    /// The probe is dropped then (`upgrade_timeout`).
    pub(super) deadline: Instant,
    /// `2probe` was received.
    is_probed: bool,
}

/// How far the upgrade is.
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

    /// Whether the client waits for its last poll to end.
    pub(super) fn waits_for_poll(&self) -> bool {
        self.is_probed
    }

    /// Reads and writes as much as the websocket takes now.
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
