//! What an open call is doing, for the queue of its socket.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the queue of a socket may go on beside an open call. Written by the call and its chain, read by the connection's task
/// that polls them, so no order beyond the flags themselves is needed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    yields: AtomicBool,
    overtakable: AtomicBool,
}

impl Progress {
    /// The call begins a wait beside which the queue may go on: for acks of clients, which may depend on the events behind it,
    /// or for anything, if it is overtakable. Or it has ended that wait.
    pub(crate) fn set_yields(&self, yields: bool) {
        self.yields.store(yields, Ordering::Relaxed);
    }

    pub(crate) fn yields(&self) -> bool {
        self.yields.load(Ordering::Relaxed)
    }

    /// The last call of a chain begins, and its handler was registered with the option `overtakable`.
    pub(crate) fn set_overtakable(&self) {
        self.overtakable.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_overtakable(&self) -> bool {
        self.overtakable.load(Ordering::Relaxed)
    }
}
