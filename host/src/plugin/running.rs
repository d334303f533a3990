//! The running time of one call: the sum of the times in which its future is polled, host functions included. While the call waits,
//! nobody polls it, and nothing counts.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasmtime::UpdateDeadline;

use super::clock::{EngineClock, TICK};

/// The guest ran for longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("it ran for longer than run_ms allows")]
pub(super) struct RunTimeExceeded;

/// Nobody waits for the call any more.
#[derive(Debug, thiserror::Error)]
#[error("it was given up")]
struct Abandoned;

/// Where a call is polled: in the task that it belongs to, or away from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunsOn {
    OwnTask,
    GuestThread,
}

/// The time of one poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct PollTime {
    pub(super) took: Duration,
    /// How much of it the thread worked. The CPU may have done something else besides.
    pub(super) worked: Duration,
}

/// What a thread has worked is known to so much, since it costs a system call to read it. A shorter poll counts as work.
const PRECISION: Duration = Duration::from_micros(200);

thread_local! {
    /// What this thread had worked, in nanoseconds, when that was last read.
    static LAST_READ: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
}

/// The running time of one call. One thread at a time polls the call; it hands the call to the next with everything that it wrote, so
/// that the single values need no order.
pub(crate) struct Running {
    engine: Arc<EngineClock>,
    limit: Duration,
    origin: Instant,
    /// Nanoseconds of the polls that have ended.
    spent: AtomicU64,
    /// When the last poll ended, in nanoseconds since `origin`; zero before the first.
    ended: AtomicU64,
    /// When the poll began that goes on, in nanoseconds since `origin`.
    began: AtomicU64,
    /// The time that its thread had worked then, in nanoseconds.
    thread_began: AtomicU64,
    /// The guest was interrupted because it computes: the poll ended for that, and not because the call waits.
    was_interrupted: AtomicBool,
    /// The poll goes on in a guest thread.
    is_away: AtomicBool,
    is_abandoned: AtomicBool,
}

impl Running {
    /// Of a call that begins now: it is polled at once.
    pub(super) fn new(engine: Arc<EngineClock>, limit: Duration, now: Instant) -> Self {
        Self {
            engine,
            limit,
            origin: now,
            spent: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            began: AtomicU64::new(0),
            thread_began: AtomicU64::new(0),
            was_interrupted: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// Polls the call.
    pub(super) fn poll<F: Future + ?Sized>(
        &self,
        call: Pin<&mut F>,
        context: &mut Context<'_>,
        runs_on: RunsOn,
    ) -> (Poll<F::Output>, PollTime) {
        let is_away = runs_on == RunsOn::GuestThread;
        self.is_away.store(is_away, Ordering::Relaxed);
        // Reading the clock is a good part of what a short call costs here. At home the first poll begins with the call; away, the call
        // has stood in a queue.
        let began = if !is_away && self.ended.load(Ordering::Relaxed) == 0 { 0 } else { self.now() };
        self.began.store(began, Ordering::Relaxed);
        let before = thread_time_about(self.origin + Duration::from_nanos(began));
        self.thread_began.store(before, Ordering::Relaxed);
        let guest = self.engine.enter();
        let polled = call.poll(context);
        drop(guest);
        let ended = self.now();
        let took = ended.saturating_sub(began);
        self.ended.store(ended, Ordering::Relaxed);
        self.spent.fetch_add(took, Ordering::Relaxed);
        let took = Duration::from_nanos(took);
        let worked = if took < PRECISION { took } else { worked_since(before).min(took) };
        (polled, PollTime { took, worked })
    }

    /// The end of the last poll: of a call that has ended, its end.
    pub(super) fn ended(&self) -> Instant {
        self.origin + Duration::from_nanos(self.ended.load(Ordering::Relaxed))
    }

    /// Whether the last poll ended because the guest was interrupted.
    pub(super) fn take_interrupted(&self) -> bool {
        self.was_interrupted.swap(false, Ordering::Relaxed)
    }

    /// Whether the polls so far took longer than the call may run.
    pub(super) fn is_over(&self) -> bool {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed)) > self.limit
    }

    /// Whether the call is polled by a guest thread.
    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    /// The call goes on in the task that it belongs to. What it writes is applied there, and there it waits.
    pub(super) async fn go_home(&self) {
        poll_fn(|_| if self.is_away() { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// The call goes on on a guest thread.
    pub(super) async fn go_away(&self) {
        if !self.is_away() {
            self.next_turn().await;
        }
    }

    /// The call has had its turn and wants another, as if it had been interrupted.
    pub(super) async fn next_turn(&self) {
        self.was_interrupted.store(true, Ordering::Relaxed);
        pending_once().await;
    }

    /// Ends the call at the next tick, wherever it runs.
    pub(super) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// The clock ticked while the guest ran: the guest goes on, is interrupted, or has had its time.
    pub(super) fn tick(&self) -> wasmtime::Result<UpdateDeadline> {
        if self.is_abandoned() {
            return Err(wasmtime::Error::new(Abandoned));
        }
        let in_poll = Duration::from_nanos(self.now().saturating_sub(self.began.load(Ordering::Relaxed)));
        if in_poll + Duration::from_nanos(self.spent.load(Ordering::Relaxed)) > self.limit {
            return Err(wasmtime::Error::new(RunTimeExceeded));
        }
        // A tick can come right after the guest was entered, or the thread did nothing meanwhile because others had the CPU.
        if in_poll < TICK || worked_since(self.thread_began.load(Ordering::Relaxed)) < TICK {
            return Ok(UpdateDeadline::Continue(1));
        }
        self.was_interrupted.store(true, Ordering::Relaxed);
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(pending_once())))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Ends the poll. Whoever polls knows from `was_interrupted` that the call wants to go on: nothing is woken.
async fn pending_once() {
    let mut was_polled = false;
    poll_fn(|_| if std::mem::replace(&mut was_polled, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// How long this thread had worked about then, in nanoseconds.
fn thread_time_about(now: Instant) -> u64 {
    LAST_READ.with(|last| match last.get() {
        Some((at, worked)) if now.saturating_duration_since(at) < PRECISION => worked,
        _ => {
            let worked = thread_time();
            last.set(Some((now, worked)));
            worked
        }
    })
}

/// How long this thread has worked since it had worked so long.
fn worked_since(before: u64) -> Duration {
    Duration::from_nanos(thread_time().saturating_sub(before))
}

/// How long this thread has worked, in nanoseconds.
fn thread_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::{Context, Waker};
    use std::time::{Duration, Instant};

    use wasmtime::Engine;

    use super::{Running, RunsOn};
    use crate::plugin::clock::Clock;

    const LONG: Duration = Duration::from_secs(1);

    fn running(now: Instant) -> Running {
        let clock = Clock::start().unwrap().of(Engine::default());
        Running::new(clock, LONG * 10, now)
    }

    /// A call that begins, and is polled after a long time. Returns how long that poll took.
    fn first_poll(runs_on: RunsOn) -> Duration {
        let running = running(Instant::now().checked_sub(LONG).unwrap());
        running.poll(pin!(ready(())), &mut Context::from_waker(Waker::noop()), runs_on).1.took
    }

    #[test]
    fn a_queue_before_a_guest_thread_is_no_running_time() {
        assert!(first_poll(RunsOn::GuestThread) < LONG / 2);
        assert!(first_poll(RunsOn::OwnTask) >= LONG);
    }

    #[test]
    fn what_a_thread_slept_it_has_not_worked() {
        let running = running(Instant::now());
        let mut sleeper = pin!(async {
            std::thread::sleep(LONG / 10);
            pending::<()>().await;
        });
        let (_, time) = running.poll(sleeper.as_mut(), &mut Context::from_waker(Waker::noop()), RunsOn::OwnTask);
        assert!(time.took >= LONG / 10);
        assert!(time.worked < LONG / 20, "{time:?}");
    }
}
