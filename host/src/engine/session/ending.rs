//! The end of a session: the protocol side is closed at once, and the end's delivery decides what the client still receives.

use std::mem;

use tokio::time::Instant;

use super::state::{Session, SessionState, Transport};
use crate::{
    engine::{
        closing::ClientSide,
        polling::HeldRequests,
        session_end::{Delivery, SessionEnd},
    },
    fixed_limits::{CLOSE_DEADLINE, POLL_GAP},
    limit_hits::LimitHit,
    reason::DisconnectReason,
};

impl Session {
    /// Ends the session. One that still delivers what was queued stops that for every other delivery.
    pub(super) fn end(&mut self, end: SessionEnd) {
        match self.state {
            SessionState::Open => {
                self.engine.counters.closed(self.outbox.is_websocket(), end.reason);
                self.protocol.closed(end.reason);
            }
            SessionState::Closing { .. } if !matches!(end.delivery, Delivery::Flush(_)) => {}
            SessionState::Closing { .. } | SessionState::Gone => return,
        }
        let (conn, reason, transport) = (self.outbox.connection(), end.reason.as_str(), self.outbox.transport());
        tracing::debug!(conn, reason, transport, "a connection is closed");
        self.end_probe();
        self.outbox.refuse_frames(!matches!(end.delivery, Delivery::Flush(_)));
        match (end.delivery, &self.transport) {
            (Delivery::Nothing, _) => self.release_transport(),
            (Delivery::Flush(_), _) | (_, Transport::Polling(_)) => {
                let until = Instant::now() + self.engine.options.ping_timeout;
                self.state = SessionState::Closing { until, delivery: end.delivery };
                if self.outbox.is_websocket() {
                    self.engine.registry.hide(&self.session_id);
                }
            }
            (Delivery::CloseOnly(code), Transport::Websocket(_)) => self.close_websocket(code, ClientSide::Open),
            (Delivery::Answer(code), Transport::Websocket(_)) => self.close_websocket(code, ClientSide::Closed),
            (Delivery::LeftToClient, Transport::Websocket(_)) => self.close_websocket(1000, ClientSide::Closing),
        }
    }

    /// Ends the session of a client that has disconnected.
    pub(super) fn end_gone(&mut self, reason: DisconnectReason) {
        self.end(SessionEnd::new(reason, Delivery::Nothing));
    }

    /// Ends the session; what is queued is dropped, and what the kernel has not sent at the end of the stream is dropped too.
    pub(super) fn abort(&mut self, reason: DisconnectReason) {
        self.reset_on_drop();
        self.end(SessionEnd::new(reason, Delivery::CloseOnly(1008)));
    }

    /// Ends the session of a client for which too much waits, or of which, also if it is being closed: a response that is on its way
    /// is cut off.
    pub(super) fn abort_slow(&mut self, limit: LimitHit) {
        if !matches!(self.state, SessionState::Gone) {
            self.engine.log.slow(self.outbox.connection(), limit);
            self.outbox.cut_response();
            let (queued, received) = self.outbox.bytes();
            self.abort(if received > queued { DisconnectReason::InboundLimit } else { DisconnectReason::SlowConsumer });
        }
    }

    /// Ends the session for what its client sent.
    pub(super) fn end_by_client(&mut self, end: SessionEnd) {
        if end.reason == DisconnectReason::InboundLimit {
            self.engine.log.inbound(self.outbox.connection());
        }
        self.end(end);
    }

    /// Ends the session because the server shuts down. A client that is not there is not waited for: one without a request, unless
    /// it may be between two polls.
    pub(super) fn shut_down(&mut self, reason: DisconnectReason) {
        self.end(SessionEnd::new(reason, Delivery::Flush(1001)));
        if let (SessionState::Closing { until, .. }, Transport::Polling(polling)) = (&mut self.state, &self.transport) {
            let is_there = polling.holds_any() || self.outbox.is_posting();
            let latest = if is_there { Instant::now() + CLOSE_DEADLINE } else { polling.answered_at() + POLL_GAP };
            *until = latest.min(*until);
        }
    }

    /// What is queued was not taken in time.
    pub(super) fn give_up_delivery(&mut self) {
        self.reset_on_drop();
        self.release_transport();
    }

    /// Everything that was queued is written: a closing websocket gets its close frame now. True if there was one to close.
    pub(super) fn close_written(&mut self) -> bool {
        let SessionState::Closing { delivery: Delivery::Flush(code), .. } = self.state else { return false };
        self.close_websocket(code, ClientSide::Open);
        true
    }

    /// Gives up the upgrade, if one is under way.
    pub(super) fn end_probe(&mut self) {
        if let Some(probe) = self.probe.take() {
            self.engine.close_websocket(probe.websocket, 1000, ClientSide::Open);
        }
    }

    /// Leaves the websocket to the task that closes it. The session has no transport then.
    fn close_websocket(&mut self, code: u16, client: ClientSide) {
        if let Transport::Websocket(mut websocket) = mem::replace(&mut self.transport, Transport::Polling(HeldRequests::new())) {
            websocket.discard_batch();
            self.engine.close_websocket(websocket, code, client);
        }
        self.release_transport();
    }

    /// Drops the transport. Requests that are held are answered by the drop of their senders.
    pub(super) fn release_transport(&mut self) {
        self.state = SessionState::Gone;
        self.transport = Transport::Polling(HeldRequests::new());
        self.outbox.refuse_frames(true);
        self.engine.registry.remove(&self.session_id);
    }

    fn reset_on_drop(&self) {
        if let Transport::Websocket(websocket) = &self.transport {
            websocket.reset_on_drop();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Also when the protocol side panicked: nothing may wait for a task that has ended.
        self.engine.registry.remove(&self.session_id);
        drop(self.outbox.task_ended());
    }
}
