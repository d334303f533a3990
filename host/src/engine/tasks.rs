//! A count of tasks, for the end of the server, which waits until none is left.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Tasks of one kind that have not ended.
#[derive(Default)]
pub(super) struct Tasks {
    count: AtomicUsize,
    /// Notified by the last task that ends.
    ended: Notify,
}

/// One task of the count, as long as it is held.
pub(super) struct TaskGuard(Arc<Tasks>);

impl Tasks {
    pub(super) fn begin(self: &Arc<Self>) -> TaskGuard {
        self.count.fetch_add(1, Ordering::AcqRel);
        TaskGuard(Arc::clone(self))
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Resolves when no task is left.
    pub(super) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.len() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}
