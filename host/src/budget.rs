//! A bound on bytes that many hold together, and give back when they are dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes may be held, and how many are.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    most: usize,
}

/// A part of a budget. Dropping it gives the part back.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), most })
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

    /// Gives all bytes of the part back.
    pub(crate) fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
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

    #[test]
    fn parts_share_one_bound_and_give_back_what_they_hold() {
        let budget = Budget::new(100);
        let mut part = budget.part();
        assert!(part.add(60) && !part.add(41));
        let other = budget.hold(40);
        assert!(other.is_some() && budget.hold(1).is_none());
        drop(other);
        assert_eq!((part.bytes(), budget.used()), (60, 60));
        part.release();
        assert!(budget.hold(100).is_some());
        assert_eq!(budget.used(), 0);
    }
}
