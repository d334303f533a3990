//! The engine's outbox as the sink of its connection's sockets.

use std::task::Waker;

use crate::adapter::Sink;
use crate::engine::Outbox;
use crate::frame::{Frame, SocketShare};
use crate::packet::EncodedPacket;

impl Sink for Outbox {
    fn open_socket(&self) -> SocketShare {
        Self::open_socket(self)
    }

    fn enqueue(&self, owner: SocketShare, packet: &EncodedPacket, volatile: bool) {
        // An outbox over its bound marks itself, and its connection's task does what follows from that: there is nothing to do here.
        Self::enqueue(self, owner, packet.frames(), volatile);
    }

    fn close_socket(&self, owner: SocketShare, last: Option<Frame>) {
        Self::close_socket(self, owner, last);
    }

    fn close_connection(&self) {
        Self::close(self);
    }

    fn wake_other(&self, task: Waker) {
        Self::wake_other(self, task);
    }

    fn wake(&self) {
        Self::wake(self);
    }

    fn connection(&self) -> u64 {
        Self::connection(self)
    }

    fn transport(&self) -> &'static str {
        Self::transport(self)
    }
}
