//! The engine's outbox as the sink of its connection's sockets.

use std::sync::atomic::AtomicBool;

use crate::adapter::Sink;
use crate::engine::Outbox;
use crate::frame::Frame;
use crate::packet::EncodedPacket;

impl Sink for Outbox {
    fn enqueue(&self, is_closed: &AtomicBool, packet: &EncodedPacket, volatile: bool) {
        // An outbox over its bound marks itself, and its connection's task ends the connection: there is nothing to do here.
        Self::enqueue(self, is_closed, packet.frames(), volatile);
    }

    fn close_socket(&self, is_closed: &AtomicBool, last: Option<Frame>) {
        Self::close_socket(self, is_closed, last);
    }

    fn close_connection(&self) {
        Self::close(self);
    }

    fn wake(&self) {
        Self::wake(self);
    }

    fn transport(&self) -> &'static str {
        Self::transport(self)
    }
}
