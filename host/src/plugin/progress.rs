//! What an open call is doing, for the queue of its socket.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether an open call waits for clients: then the queue of its socket may go on. Written by the call, read by the connection's
/// task that polls the call, so no order beyond the flag itself is needed.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicBool);

impl Progress {
    /// The call begins to wait for acks of clients, which may depend on the events behind it; or it has ended that wait.
    pub(crate) fn set_awaits_clients(&self, awaits: bool) {
        self.0.store(awaits, Ordering::Relaxed);
    }

    pub(crate) fn awaits_clients(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
