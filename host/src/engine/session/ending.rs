//! The end of a session: the protocol side is closed at once, and the end's delivery decides what the client still receives.

use std::{
    mem,
    task::{Context, Poll},
};

use tokio::time::Instant;

use super::state::{Session, SessionState, Transport};
use crate::{
    engine::{
        polling::HeldRequests,
        session_end::{Delivery, SessionEnd},
    },
    fixed_limits::CLOSE_DEADLINE,
    frame::Frame,
    reason::DisconnectReason,
};

impl Session {
    /// Ends the session. A session that has ended already is only changed by `Delivery::Nothing`, which cuts the rest short.
    pub(super) fn end(&mut self, end: SessionEnd) {
        if self.is_open() {
            self.protocol.closed(end.reason);
        } else if end.delivery != Delivery::Nothing {
            return;
        }
        self.engine.log.ended(end.reason);
        tracing::debug!(reason = end.reason.as_str(), transport = self.outbox.transport(), "session ends");
        self.probe = None;
        self.outbox.refuse_frames(!matches!(end.delivery, Delivery::Flush(_)));
        let options = &self.engine.options;
        self.state = match (end.delivery, &mut self.transport) {
            (Delivery::Flush(code), Transport::Polling(_)) => {
                SessionState::Closing { until: Instant::now() + options.close_timeout, code }
            }
            (Delivery::Flush(code), Transport::Websocket(_)) => {
                SessionState::Closing { until: Instant::now() + options.ping_timeout, code }
            }
            (Delivery::CloseOnly(code), Transport::Websocket(websocket)) => {
                websocket.discard_batch();
                SessionState::Closing { until: Instant::now() + CLOSE_DEADLINE, code }
            }
            (Delivery::CloseOnly(_), Transport::Polling(polling)) => {
                polling.release_all();
                return self.release_transport();
            }
            (Delivery::Nothing, _) => return self.release_transport(),
        };
        if self.outbox.is_websocket() {
            self.engine.registry.remove(&self.session_id);
        }
    }

    /// Ends the session at once; what is queued is dropped.
    pub(super) fn abort(&mut self, reason: DisconnectReason) {
        self.end(SessionEnd::new(reason, Delivery::Nothing));
    }

    /// As `abort`; what the kernel has not sent is dropped too.
    pub(super) fn abort_with_reset(&mut self, reason: DisconnectReason) {
        if let Transport::Websocket(websocket) = &self.transport {
            websocket.reset_on_drop();
        }
        self.abort(reason);
    }

    /// Drops the transport. Requests that are held are answered by the drop of their senders.
    pub(super) fn release_transport(&mut self) {
        self.state = SessionState::Gone;
        self.transport = Transport::Polling(HeldRequests::default());
        self.outbox.refuse_frames(true);
        self.engine.registry.remove(&self.session_id);
    }

    /// Everything that was queued is written: a closing websocket gets its close frame now. True if there was one to close.
    pub(super) fn begin_linger(&mut self, cx: &mut Context<'_>) -> bool {
        let SessionState::Closing { code, .. } = self.state else { return false };
        let Transport::Websocket(websocket) = &mut self.transport else { return false };
        websocket.queue_frame(Frame::close(code));
        self.state = SessionState::Lingering { until: Instant::now() + CLOSE_DEADLINE, write_shut_down: false };
        self.linger(cx);
        true
    }

    /// Writes the close frame, closes the server's side of the stream, and waits until the client closes the other side.
    pub(super) fn linger(&mut self, cx: &mut Context<'_>) {
        let (Transport::Websocket(websocket), SessionState::Lingering { write_shut_down, .. }) =
            (&mut self.transport, &mut self.state)
        else {
            return;
        };
        match websocket.write_batch(cx) {
            Poll::Pending => return,
            Poll::Ready(Ok(())) if !mem::replace(write_shut_down, true) => websocket.shut_down_write(cx),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return self.release_transport(),
        }
        if websocket.discard(cx).is_ready() {
            self.release_transport();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Also when the protocol side panicked: nothing may wait for a task that has ended.
        self.engine.registry.remove(&self.session_id);
        self.outbox.task_ended();
        self.engine.uncount_session();
    }
}
