//! The bytes that wait for clients, and those of clients that wait to be handled, of all connections together.
//!
//! What is shared counts once: a broadcast to clients that do not read holds one copy. What is written at once is not counted at all,
//! so that the usual message costs nothing here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The count of one host.
#[derive(Debug)]
pub(crate) struct WaitingBytes {
    bytes: AtomicUsize,
    noticed_from: usize,
    exceeded: Notify,
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    count: Arc<WaitingBytes>,
    bytes: usize,
}

impl WaitingBytes {
    /// `noticed_from`: the least of the bounds.
    pub(crate) fn new(noticed_from: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), noticed_from, exceeded: Notify::new() })
    }

    /// Counts these bytes, also beyond the bound: whoever waits for `exceeded` then disconnects clients.
    pub(crate) fn add(self: &Arc<Self>, bytes: usize) -> Waiting {
        // Relaxed, here and below: a number of its own.
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > self.noticed_from {
            self.exceeded.notify_one();
        }
        Waiting { count: Arc::clone(self), bytes }
    }

    /// Resolves when there are more than the least of the bounds.
    pub(crate) async fn exceeded(&self) {
        self.exceeded.notified().await;
    }

    /// How many there are.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many have to go, with an eighth of the bound to spare, so that the next message does not exceed it again; zero if there are
    /// not too many.
    pub(crate) fn excess(&self, bytes_max: usize) -> usize {
        let bytes = self.bytes();
        if bytes > bytes_max { bytes - (bytes_max - bytes_max / 8) } else { 0 }
    }
}

impl Waiting {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.count.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::WaitingBytes;

    #[tokio::test]
    async fn what_is_dropped_counts_no_longer() {
        let count = WaitingBytes::new(80);
        let first = count.add(80);
        assert_eq!(count.excess(80), 0);
        let second = count.add(1);
        assert_eq!(count.excess(80), 11, "ten to spare");
        count.exceeded().await;
        drop(first);
        assert_eq!(count.excess(80), 0);
        drop(second);
        assert_eq!(count.bytes.load(super::Ordering::Relaxed), 0);
    }
}
