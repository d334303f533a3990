//! A bound on bytes that many hold together, and give back when they are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many bytes may be held, and how many are.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    most: usize,
    /// Notified when bytes are given back.
    released: Notify,
}

/// A part of a budget. Dropping it gives the part back.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), most, released: Notify::new() })
    }

    /// Bytes that are held now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// A part without bytes.
    pub(crate) fn part(self: &Arc<Self>) -> Held {
        Held { budget: self.clone(), bytes: 0 }
    }

    /// A part of so many bytes, or of all that there are, when they are left.
    pub(crate) async fn wait_for(self: &Arc<Self>, bytes: usize) -> Held {
        loop {
            if let Some(part) = self.hold(bytes.min(self.most)) {
                return part;
            }
            // Each that waits is woken by another one's release, and wakes the next with its own.
            self.released.notified().await;
        }
    }

    /// A part of so many bytes, if they are left.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let mut part = self.part();
        part.add(bytes).then_some(part)
    }
}

impl Held {
    /// Bytes of this part.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that all parts may have together.
    pub(crate) fn most(&self) -> usize {
        self.budget.most
    }

    /// Adds bytes to the part. False, and nothing is added, if so many are not left.
    pub(crate) fn add(&mut self, bytes: usize) -> bool {
        // Relaxed: only the sum counts.
        let used = self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = used.saturating_add(bytes) <= self.budget.most;
        if fits {
            self.bytes += bytes;
        } else {
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// The part, for somebody else to hold. What stays is empty.
    pub(crate) fn take(&mut self) -> Self {
        Self { budget: self.budget.clone(), bytes: std::mem::take(&mut self.bytes) }
    }

    /// Gives all bytes of the part back.
    pub(crate) fn release(&mut self) {
        self.keep(0);
    }

    /// Gives back what is more than these bytes.
    pub(crate) fn keep(&mut self, bytes: usize) {
        let more = self.bytes.saturating_sub(bytes);
        if more > 0 {
            self.bytes -= more;
            self.budget.used.fetch_sub(more, Ordering::Relaxed);
            self.budget.released.notify_one();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[tokio::test]
    async fn whoever_waits_has_a_part_when_another_gives_it_back() {
        let budget = Budget::new(100);
        let mut first = budget.part();
        assert!(first.add(100));
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let budget = budget.clone();
                    async move { budget.wait_for(60).await.bytes() }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        first.keep(30);
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap(), 60);
        }
        assert_eq!(budget.used(), 30);
    }

    #[test]
    fn parts_share_one_bound_and_give_back_what_they_hold() {
        let budget = Budget::new(100);
        let mut part = budget.part();
        assert!(part.add(60) && !part.add(41));
        let other = budget.hold(40);
        assert!(other.is_some() && budget.hold(1).is_none());
        drop(other);
        assert_eq!((part.bytes(), budget.used()), (60, 60));
        let mut taken = part.take();
        drop(part);
        assert_eq!((taken.bytes(), budget.used()), (60, 60));
        taken.release();
        assert!(budget.hold(100).is_some());
        assert_eq!(budget.used(), 0);
    }
}
