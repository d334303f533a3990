//! How a session ends: the socket side hears of it at once, and the client gets what its manner of ending leaves it.

use std::{
    mem,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Instant;

use super::{Life, Session, Transport};
use crate::{
    engine::{
        Reason,
        inbound::{Ending, Manner},
        polling::Polling,
    },
    frame::Frame,
};

/// How long a closed websocket waits for the client to close its side.
const LINGER: Duration = Duration::from_secs(2);

impl Session {
    /// Ends the session. `protocol` hears of it now; what the client still gets depends on the manner.
    pub(super) fn finish(&mut self, ending: Ending) {
        if self.is_open() {
            self.protocol.closed(ending.reason);
        } else if ending.manner != Manner::Drop {
            return;
        }
        tracing::debug!(reason = ending.reason, transport = self.outbox.transport(), "session ends");
        self.probe = None;
        self.outbox.seal(!matches!(ending.manner, Manner::Deliver(_)));
        let options = &self.engine.options;
        self.life = match (ending.manner, &mut self.transport) {
            (Manner::Deliver(code), Transport::Polling(_)) => {
                Life::Closing { until: Instant::now() + options.close_timeout, code }
            }
            (Manner::Deliver(code), Transport::Websocket(_)) => {
                Life::Closing { until: Instant::now() + options.ping_timeout, code }
            }
            (Manner::Answer(code), Transport::Websocket(websocket)) => {
                websocket.discard_batch();
                Life::Closing { until: Instant::now() + LINGER, code }
            }
            (Manner::Answer(_), Transport::Polling(polling)) => {
                polling.leave();
                return self.leave();
            }
            (Manner::Drop, _) => return self.leave(),
        };
        if self.outbox.is_websocket() {
            self.engine.registry.remove(&self.sid);
        }
    }

    /// Ends the session at once: the client is gone, or must go.
    pub(super) fn die(&mut self, reason: Reason) {
        self.finish(Ending::new(reason, Manner::Drop));
    }

    /// As `die`, and the system forgets at once what it has not sent.
    pub(super) fn kill(&mut self, reason: Reason) {
        if let Transport::Websocket(websocket) = &self.transport {
            websocket.reset();
        }
        self.die(reason);
    }

    /// As `die`, for `write`, which has to say that nothing more can be written.
    pub(super) fn lost(&mut self, reason: Reason) -> bool {
        self.die(reason);
        true
    }

    /// Lets go of the transport; requests that are held are answered by the drop of their senders.
    pub(super) fn leave(&mut self) {
        self.life = Life::Gone;
        self.transport = Transport::Polling(Polling::default());
        self.outbox.seal(true);
        self.engine.registry.remove(&self.sid);
    }

    /// All that was queued is written. A closing websocket gets its close frame then.
    pub(super) fn written(&mut self, cx: &mut Context<'_>) -> bool {
        let Life::Closing { code, .. } = self.life else { return false };
        let Transport::Websocket(websocket) = &mut self.transport else { return false };
        websocket.queue(Frame::close(code));
        self.life = Life::Lingering { until: Instant::now() + LINGER, shut: false };
        self.linger(cx);
        true
    }

    /// Writes the close frame, tells the client that it was the last, and waits for it to close.
    pub(super) fn linger(&mut self, cx: &mut Context<'_>) {
        let (Transport::Websocket(websocket), Life::Lingering { shut, .. }) = (&mut self.transport, &mut self.life) else {
            return;
        };
        match websocket.write_batch(cx) {
            Poll::Pending => return,
            Poll::Ready(Ok(())) if !mem::replace(shut, true) => websocket.shut(cx),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return self.leave(),
        }
        if websocket.discard(cx).is_ready() {
            self.leave();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Also when the socket side panicked: nobody must wait for a task that is no more.
        self.engine.registry.remove(&self.sid);
        self.outbox.end();
        self.engine.session_ends();
    }
}
