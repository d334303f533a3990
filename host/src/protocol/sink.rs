//! The engine's outbox as the inside of the house sees it.

use std::sync::atomic::AtomicBool;

use crate::adapter::{Packet, Sink};
use crate::engine::Outbox;
use crate::frame::Frame;

impl Sink for Outbox {
    fn put(&self, shut: &AtomicBool, packet: &Packet, volatile: bool) {
        // Over the bound the outbox marks itself, and its connection's task ends the client: nobody else has to care.
        Self::put(self, shut, packet.frames(), volatile);
    }

    fn shut(&self, shut: &AtomicBool, last: Option<Frame>) {
        Self::shut(self, shut, last);
    }

    fn close(&self) {
        Self::close(self);
    }

    fn wake(&self) {
        Self::wake(self);
    }

    fn transport(&self) -> &'static str {
        Self::transport(self)
    }
}
