//! The engine's outbox as the inside of the house sees it.

use std::sync::atomic::AtomicBool;

use crate::adapter::{Packet, Sink};
use crate::engine::Outbox;
use crate::frame::Frame;

impl Sink for Outbox {
    fn enqueue(&self, is_closed: &AtomicBool, packet: &Packet, volatile: bool) {
        // Over the bound the outbox marks itself, and its connection's task ends the client: nobody else has to care.
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
