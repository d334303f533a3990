//! A task that runs on guest threads: it stands in their queue when it was woken, and has one turn at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;

use crate::event_loops::WakeLater;
use crate::plugin::guest_run::PluginThreads;
use crate::plugin::guest_threads::Slice;

/// Nothing is to be done.
const IDLE: u8 = 0;
/// It stands in the queue of the guest threads.
const QUEUED: u8 = 1;
/// A thread polls it.
const RUNNING: u8 = 2;
/// A thread polls it, and it was woken since that began.
const WOKEN: u8 = 3;

type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The task. It is kept by its wakers, and by the queue while it stands there.
struct GuestTask {
    state: AtomicU8,
    /// Locked by the one turn that polls it; empty when it has ended.
    future: Mutex<Option<TaskFuture>>,
    threads: Arc<PluginThreads>,
    /// Where the clocks of what it waits for run.
    runtime: Handle,
}

/// Runs a future as a task of this plugin: on guest threads, or on the runtime where there are none.
pub(super) fn spawn(threads: &Arc<PluginThreads>, runtime: &Handle, future: impl Future<Output = ()> + Send + 'static) {
    if threads.are_none() {
        runtime.spawn(future);
        return;
    }
    let (future, threads, runtime) = (Mutex::new(Some(Box::pin(future) as TaskFuture)), threads.clone(), runtime.clone());
    Arc::new(GuestTask { state: AtomicU8::new(IDLE), future, threads, runtime }).wake();
}

impl Wake for GuestTask {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Acquire and release: the turn that follows sees what was done before the task was woken.
        let woken = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
            IDLE => Some(QUEUED),
            RUNNING => Some(WOKEN),
            _ => None,
        });
        if woken == Ok(IDLE) {
            self.threads.add(Box::new(TaskTurn(self.clone())));
        }
    }
}

/// One turn of a task.
struct TaskTurn(Arc<GuestTask>);

impl Slice for TaskTurn {
    fn take(self: Box<Self>) -> Option<Box<dyn Slice>> {
        let Self(task) = &*self;
        task.state.store(RUNNING, Ordering::Release);
        let waker = Waker::from(task.clone());
        let has_ended = {
            let mut future = task.future.lock().unwrap_or_else(PoisonError::into_inner);
            let entered = task.runtime.enter();
            // What the turn has for a loop wakes it once.
            let later = WakeLater::begin();
            let polled = future.as_mut().map(|future| {
                // A panic ends the task, and not the thread.
                catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))))
            });
            if let Some(Err(_)) = polled {
                tracing::error!("a task of a plugin panicked: the host has a fault, and what the task serves waits in vain");
            }
            let has_ended = !matches!(polled, Some(Ok(Poll::Pending)));
            if has_ended {
                *future = None;
            }
            drop(later);
            drop(entered);
            has_ended
        };
        if has_ended {
            return None;
        }
        match task.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => None,
            Err(_) => {
                task.state.store(QUEUED, Ordering::Release);
                Some(self)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::runtime::Handle;
    use tokio::sync::Notify;

    use super::spawn;
    use crate::plugin::guest_run::PluginThreads;
    use crate::plugin::guest_threads::GuestThreads;

    #[tokio::test]
    async fn a_task_runs_when_it_is_woken_on_a_guest_thread_and_also_while_it_runs() {
        let threads = Arc::new(PluginThreads::new("plugin".into(), Arc::new(GuestThreads::start(1).unwrap())));
        let (woken, polls) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let (ended, has_ended) = mpsc::channel();
        let (wakes, counted) = (woken.clone(), polls.clone());
        spawn(&threads, &Handle::current(), async move {
            for _ in 0..3 {
                wakes.notified().await;
            }
            // Wakes itself in its turn: it has another.
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if counted.fetch_add(1, SeqCst) < 10 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            ended.send(std::thread::current().name().unwrap_or_default().to_owned()).unwrap();
        });
        let thread = tokio::task::spawn_blocking(move || {
            loop {
                woken.notify_one();
                if let Ok(thread) = has_ended.recv_timeout(Duration::from_millis(1)) {
                    return thread;
                }
            }
        });
        assert_eq!((thread.await.unwrap().as_str(), polls.load(SeqCst)), ("guest-0", 11));
    }
}
