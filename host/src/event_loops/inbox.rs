//! What other threads have for a loop: tasks to run, and tasks of the loop to wake.
//!
//! To wake a task of another runtime costs tokio a lock and a system call each time, and the task stands behind 31 tasks of the loop's
//! own. Here the first thing after a look wakes the loop, and the loop takes what has come until it looks: a broadcast to a thousand
//! clients of another loop wakes that loop once, or a few times.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use super::later;

/// Spawns a task on the runtime of the loop that calls it.
pub(super) type Task = Box<dyn FnOnce() + Send>;

/// What has come since the loop looked.
#[derive(Default)]
pub(super) struct Inbox {
    /// Held to add one thing or to take all; no other lock is taken under it.
    state: Mutex<InboxState>,
}

#[derive(Default)]
struct InboxState {
    tasks: Vec<Task>,
    woken: VecDeque<Waker>,
    /// Wakes the loop; none before its first look.
    waker: Option<Waker>,
    /// The loop has ended: what comes is dropped.
    is_closed: bool,
}

impl Inbox {
    pub(super) fn add_task(&self, task: Task) {
        self.add(|state| state.tasks.push(task));
    }

    pub(super) fn add_woken(&self, task: Waker) {
        self.add(|state| state.woken.push_back(task));
    }

    /// Takes all tasks to run, and so many to wake; `None` once the inbox is closed. `waker` is woken when more comes, or is left.
    pub(super) fn take(&self, waker: &Waker, woken_max: usize) -> Option<(Vec<Task>, Vec<Waker>)> {
        let mut state = self.lock();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        if state.is_closed {
            return None;
        }
        let count = woken_max.min(state.woken.len());
        let woken = state.woken.drain(..count).collect();
        if state.woken.is_empty() {
            state.woken = VecDeque::new();
        } else {
            waker.wake_by_ref();
        }
        Some((mem::take(&mut state.tasks), woken))
    }

    pub(super) fn close(&self) {
        let dropped = {
            let mut state = self.lock();
            state.is_closed = true;
            (mem::take(&mut state.tasks), mem::take(&mut state.woken), state.waker.take())
        };
        if let (_, _, Some(waker)) = dropped {
            waker.wake();
        }
    }

    fn add(&self, add: impl FnOnce(&mut InboxState)) {
        let waker = {
            let mut state = self.lock();
            if state.is_closed {
                return;
            }
            let was_empty = state.tasks.is_empty() && state.woken.is_empty();
            add(&mut state);
            if was_empty { state.waker.clone() } else { None }
        };
        // Behind the lock, which the loop would meet else.
        if let Some(waker) = waker {
            later::wake(waker);
        }
    }

    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };
    use std::task::{Wake, Waker};

    use super::Inbox;
    use crate::event_loops::WakeLater;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn the_loop_is_woken_once_for_all_that_comes_until_it_looks() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let (inbox, waker) = (Inbox::default(), Waker::from(Arc::clone(&count)));
        inbox.take(&waker, 1);
        for _ in 0..1_000 {
            inbox.add_woken(Waker::noop().clone());
        }
        inbox.add_task(Box::new(|| {}));
        assert_eq!(count.0.load(SeqCst), 1);
        let (tasks, woken) = inbox.take(&waker, 999).unwrap();
        assert_eq!((tasks.len(), woken.len()), (1, 999));
        assert_eq!(count.0.load(SeqCst), 2, "one is left");
        let (tasks, woken) = inbox.take(&waker, 999).unwrap();
        assert_eq!((tasks.len(), woken.len()), (0, 1));
        inbox.add_woken(Waker::noop().clone());
        assert_eq!(count.0.load(SeqCst), 3);
    }

    #[test]
    fn under_locks_the_loop_is_woken_later() {
        let counts = [(); 2].map(|()| Arc::new(Count(AtomicUsize::new(0))));
        let woken = || counts.each_ref().map(|count| count.0.load(SeqCst));
        let inboxes = counts.each_ref().map(|count| {
            let inbox = Inbox::default();
            inbox.take(&Waker::from(Arc::clone(count)), 1);
            inbox
        });
        let later = WakeLater::begin();
        for inbox in inboxes.iter().cycle().take(100) {
            let within = WakeLater::begin();
            inbox.add_woken(Waker::noop().clone());
            drop(within);
        }
        assert_eq!(woken(), [0, 0]);
        drop(later);
        assert_eq!(woken(), [1, 1]);
    }

    #[test]
    fn what_comes_after_the_end_is_dropped() {
        let inbox = Inbox::default();
        let held = Arc::new(());
        inbox.close();
        let task = Arc::clone(&held);
        inbox.add_task(Box::new(move || drop(task)));
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(inbox.take(Waker::noop(), 1).is_none());
    }
}
