//! A call while it runs: in its own task, as long as it is short, and else on guest threads.
//!
//! A call begins in the task of its connection. If it computes past a tick of the clock, or if its plugin has used up its share, the
//! call moves as a whole to the guest threads, which poll it for a tick at a time. When it waits or ends, it comes home: it waits in
//! its own task, and what it wrote leaves from there.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::guest_threads::{GuestThreads, Slice};
use super::running::{PollTime, RunTimeExceeded, Running, RunsOn};
use super::share::TimeShare;
use crate::turn::go_on_later;

/// A call in an instance. It owns all that it uses.
pub(super) type GuestFuture<T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send>>;

/// The guest thread that ran the call panicked in a function of the host.
#[derive(Debug, thiserror::Error)]
#[error("the host failed while it ran")]
struct Lost;

/// The part of the guest threads that belongs to one plugin.
pub(super) struct PluginThreads {
    plugin: Arc<str>,
    threads: Arc<GuestThreads>,
    share: TimeShare,
    moved: AtomicU64,
    run_nanos: AtomicU64,
    was_logged: AtomicBool,
}

/// A call, as its own task polls it. Dropping it ends the call, wherever that runs.
pub(super) struct GuestRun<T> {
    state: RunState<T>,
    running: Arc<Running>,
    threads: Arc<PluginThreads>,
    /// The call came home to wait or to end, and has not been polled here since.
    came_home: bool,
}

enum RunState<T> {
    Home(GuestFuture<T>),
    Away(oneshot::Receiver<Returned<T>>),
    Ended,
}

/// What comes back from a guest thread.
enum Returned<T> {
    Waits(GuestFuture<T>),
    Ended(wasmtime::Result<T>),
}

impl PluginThreads {
    pub(super) fn new(plugin: Arc<str>, threads: Arc<GuestThreads>) -> Self {
        Self {
            plugin,
            threads,
            share: TimeShare::new(),
            moved: AtomicU64::new(0),
            run_nanos: AtomicU64::new(0),
            was_logged: AtomicBool::new(false),
        }
    }

    /// Calls that moved to the guest threads since the start.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// How long calls of the plugin ran since the start.
    pub(super) fn run_time(&self) -> Duration {
        Duration::from_nanos(self.run_nanos.load(Ordering::Relaxed))
    }

    /// Calls that wait for a guest thread.
    pub(super) fn waiting(&self) -> usize {
        self.threads.waiting(&self.plugin)
    }

    /// Seconds of each second that the plugin ran lately.
    pub(super) fn share_used(&self) -> f64 {
        self.share.used()
    }

    /// Whether there are no guest threads.
    pub(super) fn are_none(&self) -> bool {
        self.threads.is_empty()
    }

    /// Adds a turn of this plugin to the queue of the guest threads.
    pub(super) fn add(&self, turn: Box<dyn Slice>) {
        self.threads.add(&self.plugin, turn);
    }

    /// Runs an entry of a task that is on the guest threads already. What is interrupted has its next turn behind those of others.
    pub(super) async fn run<T>(
        &self,
        running: &Running,
        entry: impl Future<Output = wasmtime::Result<T>> + Send,
    ) -> wasmtime::Result<T> {
        let mut entry = pin!(entry);
        poll_fn(|context| {
            // A panic ends the entry, as it does in a task, and not what serves the others.
            let polled = catch_unwind(AssertUnwindSafe(|| running.poll(entry.as_mut(), context, RunsOn::GuestThread)));
            let Ok((polled, time)) = polled else { return Poll::Ready(Err(wasmtime::Error::new(Lost))) };
            // It runs on guest threads anyway, over its share or not.
            let _is_over = self.count(time);
            match polled {
                Poll::Pending if running.take_interrupted() => {
                    self.next_turn(context);
                    Poll::Pending
                }
                Poll::Pending if running.is_over() => Poll::Ready(Err(wasmtime::Error::new(RunTimeExceeded))),
                polled => polled,
            }
        })
        .await
    }

    /// The task has had its turn, and wants another.
    pub(super) fn next_turn(&self, context: &mut Context<'_>) {
        if self.threads.is_empty() { go_on_later(context) } else { context.waker().wake_by_ref() }
    }

    /// Drops something on a guest thread, because that takes long.
    pub(super) fn drop_there(&self, large: impl Send + 'static) {
        if !self.threads.is_empty() {
            self.threads.add(&self.plugin, Box::new(Dropped(large)));
        }
    }

    /// Whether the plugin used more than its share lately: then its calls compute on guest threads alone.
    pub(super) fn is_over_share(&self) -> bool {
        !self.threads.is_empty() && self.share.is_over(|| self.waiting() > 0)
    }

    /// Counts a poll. Returns whether the plugin is over its share by that.
    fn count(&self, time: PollTime) -> bool {
        self.run_nanos.fetch_add(u64::try_from(time.took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.share.add(time.worked)
    }

    /// Counts a poll of a call that begins in the task of its connection.
    fn count_call(&self, time: PollTime) {
        if self.count(time) && !self.threads.is_empty() && !self.was_logged.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                plugin = &*self.plugin,
                "this plugin computes for more than a fifth of the time: from now on its calls run on guest threads whenever it \
                 does, so that others do not wait for it, and may take longer; run_ms in [plugins.{}] bounds a call, \
                 guest_threads in [wasm] the threads",
                self.plugin
            );
        }
    }
}

impl<T: Send + 'static> GuestRun<T> {
    pub(super) fn new(call: GuestFuture<T>, running: Arc<Running>, threads: Arc<PluginThreads>) -> Self {
        Self { state: RunState::Home(call), running, threads, came_home: false }
    }

    /// Moves the call to the guest threads.
    fn leave(&self, call: GuestFuture<T>) -> RunState<T> {
        let Ok(runtime) = Handle::try_current() else { return RunState::Home(call) };
        let (home, returned) = oneshot::channel();
        let (running, threads) = (self.running.clone(), self.threads.clone());
        self.threads.moved.fetch_add(1, Ordering::Relaxed);
        self.threads.threads.add(&self.threads.plugin, Box::new(AwayRun { call, running, threads, runtime, home }));
        RunState::Away(returned)
    }

    /// Polls the call in its own task.
    fn poll_home(&mut self, mut call: GuestFuture<T>, context: &mut Context<'_>) -> Poll<wasmtime::Result<T>> {
        self.came_home = false;
        let polled = loop {
            let (polled, time) = self.running.poll(call.as_mut(), context, RunsOn::OwnTask);
            self.threads.count_call(time);
            let stays = self.threads.are_none() && polled.is_pending() && self.running.take_interrupted();
            // There is nowhere else to go.
            if !stays {
                break polled;
            }
        };
        match polled {
            Poll::Ready(ended) => return Poll::Ready(ended),
            Poll::Pending if self.running.take_interrupted() => self.state = self.leave(call),
            Poll::Pending if self.running.is_over() => return Poll::Ready(Err(wasmtime::Error::new(RunTimeExceeded))),
            Poll::Pending => self.state = RunState::Home(call),
        }
        Poll::Pending
    }
}

impl<T: Send + 'static> Future for GuestRun<T> {
    type Output = wasmtime::Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.state, RunState::Ended) {
                RunState::Home(call) if !this.came_home && this.threads.is_over_share() => this.state = this.leave(call),
                RunState::Home(call) => match this.poll_home(call, context) {
                    // It has just left: its return has to wake this task.
                    Poll::Pending if matches!(this.state, RunState::Away(_)) => {}
                    polled => return polled,
                },
                RunState::Away(mut returned) => match Pin::new(&mut returned).poll(context) {
                    Poll::Ready(Ok(Returned::Waits(call))) => (this.state, this.came_home) = (RunState::Home(call), true),
                    Poll::Ready(Ok(Returned::Ended(ended))) => return Poll::Ready(ended),
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(wasmtime::Error::new(Lost))),
                    Poll::Pending => {
                        this.state = RunState::Away(returned);
                        return Poll::Pending;
                    }
                },
                RunState::Ended => return Poll::Ready(Err(wasmtime::Error::new(Lost))),
            }
        }
    }
}

impl<T> Drop for GuestRun<T> {
    fn drop(&mut self) {
        if let RunState::Away(_) = self.state {
            self.running.abandon();
        }
    }
}

/// A call on the guest threads.
struct AwayRun<T> {
    call: GuestFuture<T>,
    running: Arc<Running>,
    threads: Arc<PluginThreads>,
    /// Where the clocks of what it waits for run.
    runtime: Handle,
    home: oneshot::Sender<Returned<T>>,
}

impl<T: Send + 'static> Slice for AwayRun<T> {
    fn take(mut self: Box<Self>) -> Option<Box<dyn Slice>> {
        if self.running.is_abandoned() {
            return None;
        }
        // What it waits for is polled again at home, with the task's own waker.
        let mut context = Context::from_waker(Waker::noop());
        let entered = self.runtime.enter();
        // A panic ends the call, as it does in a task, and not the thread.
        let polled = catch_unwind(AssertUnwindSafe(|| self.running.poll(self.call.as_mut(), &mut context, RunsOn::GuestThread)));
        drop(entered);
        let Ok((polled, time)) = polled else { return None };
        self.threads.count_call(time);
        let returned = match polled {
            Poll::Ready(ended) => Returned::Ended(ended),
            Poll::Pending if self.running.take_interrupted() => return Some(self),
            Poll::Pending if self.running.is_over() => Returned::Ended(Err(wasmtime::Error::new(RunTimeExceeded))),
            Poll::Pending => {
                let Self { call, home, .. } = *self;
                // Nobody is at home any more: then the call ends here.
                let _abandoned = home.send(Returned::Waits(call));
                return None;
            }
        };
        let Self { call, home, .. } = *self;
        // The instance is free before its call counts as ended.
        drop(call);
        let _abandoned = home.send(returned);
        None
    }
}

/// Something to drop.
struct Dropped<T>(T);

impl<T: Send> Slice for Dropped<T> {
    fn take(self: Box<Self>) -> Option<Box<dyn Slice>> {
        None
    }
}
