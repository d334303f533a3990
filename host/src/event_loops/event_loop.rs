//! One loop, what counts for its load, and the list of all.

use std::{
    cell::Cell,
    future::poll_fn,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

use super::{delay::DelayTimer, inbox::Inbox};
use crate::metrics::Histogram;

/// Tasks that are woken to write before the loop looks into its inbox. A runtime of tokio looks for what clients have sent after 61 tasks.
const WOKEN_PER_LOOK: usize = 64;

thread_local! {
    /// The address of the loop that this thread runs.
    static RUNNING: Cell<*const EventLoop> = const { Cell::new(ptr::null()) };
}

/// All loops of the server; at least one.
#[derive(Clone)]
pub(crate) struct EventLoops {
    first: Arc<EventLoop>,
    others: Arc<[Arc<EventLoop>]>,
}

impl EventLoops {
    /// One loop that is the runtime of whoever asks: for tests, which run everything on one runtime.
    #[cfg(test)]
    pub(crate) fn here() -> Self {
        Self { first: Arc::new(EventLoop::new(true)), others: Arc::new([]) }
    }

    /// So many loops, which no thread runs yet.
    pub(super) fn new(count: usize) -> Self {
        let event_loop = || Arc::new(EventLoop::new(false));
        Self { first: event_loop(), others: (1..count).map(|_| event_loop()).collect() }
    }

    /// The loop, if there is only one.
    pub(super) fn only(&self) -> Option<&Arc<EventLoop>> {
        self.others.is_empty().then_some(&self.first)
    }

    /// A seat for a new connection, on the loop that has the fewest connections and sessions.
    pub(crate) fn place(&self) -> Seat {
        let fewest = self.others.iter().fold(&self.first, |one, other| if other.load() < one.load() { other } else { one });
        Seat::new(fewest, SeatKind::Connection)
    }

    /// The one that gets its first connection last.
    pub(crate) fn last(&self) -> &Arc<EventLoop> {
        self.others.last().unwrap_or(&self.first)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<EventLoop>> {
        std::iter::once(&self.first).chain(&*self.others)
    }
}

/// One loop.
pub(crate) struct EventLoop {
    /// The loop has no thread of its own.
    is_anywhere: bool,
    inbox: Inbox,
    /// Tasks that were woken since the loop looked into its inbox.
    woken: AtomicUsize,
    connections: AtomicUsize,
    sessions: AtomicUsize,
    /// How late the loop came to what was due.
    delays: Histogram,
}

impl EventLoop {
    fn new(is_anywhere: bool) -> Self {
        Self {
            is_anywhere,
            inbox: Inbox::default(),
            woken: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            delays: Histogram::default(),
        }
    }

    /// Sessions of this loop.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// How late the loop came to what was due, measured a few times a second.
    pub(crate) fn delays(&self) -> &Histogram {
        &self.delays
    }

    /// Runs a task on this loop. `begin` makes it there, so that its memory is the loop's own.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, begin: impl FnOnce() -> F + Send + 'static) {
        if self.is_here() {
            tokio::spawn(begin());
        } else {
            self.inbox.add_task(Box::new(|| drop(tokio::spawn(begin()))));
        }
    }

    /// Wakes a task of this loop, because there is something to write to its client. Of many that are woken at once only some run
    /// before the loop looks for what clients have sent: behind a broadcast to thousands nobody waits for all of its deliveries, and
    /// what is broadcast meanwhile leaves with it.
    pub(crate) fn wake(&self, task: &Waker) {
        if self.is_anywhere || self.is_here() && self.count_woken() {
            task.wake_by_ref();
        } else {
            self.inbox.add_woken(task.clone());
        }
    }

    /// Wakes a task that is not of this loop: behind the tasks of the loop that are ready, which may have something for it too.
    pub(crate) fn wake_other(&self, task: Waker) {
        if !self.is_anywhere && self.is_here() {
            self.inbox.add_woken(task);
        } else {
            task.wake();
        }
    }

    /// Whether one more task may be woken before the loop looks into its inbox. Only the thread of the loop counts.
    fn count_woken(&self) -> bool {
        let woken = self.woken.load(Ordering::Relaxed);
        let may_wake = woken < WOKEN_PER_LOOK;
        self.woken.store(woken + usize::from(may_wake), Ordering::Relaxed);
        may_wake
    }

    /// Whether this thread runs the loop.
    pub(crate) fn is_here(&self) -> bool {
        self.is_anywhere || ptr::eq(RUNNING.get(), self)
    }

    fn load(&self) -> usize {
        self.connections.load(Ordering::Relaxed) + self.sessions()
    }

    /// Runs the loop on the runtime of this thread, until `end`.
    pub(super) async fn run(&self) {
        RUNNING.set(self);
        let mut timer = DelayTimer::new();
        poll_fn(|cx| {
            timer.poll(cx, &self.delays);
            let Some((tasks, woken)) = self.inbox.take(cx.waker(), WOKEN_PER_LOOK) else { return Poll::Ready(()) };
            // None besides these until the next look, if more of them are left.
            self.woken.store(woken.len(), Ordering::Relaxed);
            tasks.into_iter().for_each(|spawn| spawn());
            woken.into_iter().for_each(Waker::wake);
            Poll::Pending
        })
        .await;
    }

    /// Ends the loop. Its tasks are dropped.
    pub(crate) fn end(&self) {
        self.inbox.close();
    }
}

/// What a seat is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeatKind {
    Connection,
    Session,
}

/// A connection or a session, as far as it counts for the load of its loop.
pub(crate) struct Seat {
    event_loop: Arc<EventLoop>,
    kind: SeatKind,
}

impl Seat {
    fn new(event_loop: &Arc<EventLoop>, kind: SeatKind) -> Self {
        let seat = Self { event_loop: Arc::clone(event_loop), kind };
        seat.count().fetch_add(1, Ordering::Relaxed);
        seat
    }

    /// A seat for a session, on the loop of the connection that opens it.
    pub(crate) fn of_session(&self) -> Self {
        Self::new(&self.event_loop, SeatKind::Session)
    }

    pub(crate) fn event_loop(&self) -> &Arc<EventLoop> {
        &self.event_loop
    }

    fn count(&self) -> &AtomicUsize {
        match self.kind {
            SeatKind::Connection => &self.event_loop.connections,
            SeatKind::Session => &self.event_loop.sessions,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.count().fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        task::{Poll, Waker},
    };

    use tokio::{runtime::Builder, task::yield_now};

    use super::{EventLoop, WOKEN_PER_LOOK};

    const TASKS: usize = 1_000;

    /// Tasks that wait to be woken once.
    #[derive(Default)]
    struct Waiting {
        wakers: Mutex<Vec<Waker>>,
        have_run: AtomicUsize,
    }

    impl Waiting {
        async fn one(self: Arc<Self>) {
            let mut is_woken = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut is_woken, true) {
                    return Poll::Ready(());
                }
                self.wakers.lock().unwrap().push(cx.waker().clone());
                Poll::Pending
            })
            .await;
            self.have_run.fetch_add(1, SeqCst);
        }

        /// Wakes all of them. Returns how many run before this task has its next turn.
        async fn wake_all(self: Arc<Self>, event_loop: Arc<EventLoop>) -> usize {
            while self.wakers.lock().unwrap().len() < TASKS {
                yield_now().await;
            }
            std::mem::take(&mut *self.wakers.lock().unwrap()).iter().for_each(|waker| event_loop.wake(waker));
            yield_now().await;
            let before = self.have_run.load(SeqCst);
            while self.have_run.load(SeqCst) < TASKS {
                yield_now().await;
            }
            event_loop.end();
            before
        }
    }

    #[test]
    fn of_many_that_are_woken_at_once_a_few_run_before_another_has_its_turn() {
        let (event_loop, waiting) = (Arc::new(EventLoop::new(false)), Arc::<Waiting>::default());
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let before = runtime.block_on(async {
            (0..TASKS).for_each(|_| drop(tokio::spawn(Arc::clone(&waiting).one())));
            let other = tokio::spawn(waiting.wake_all(Arc::clone(&event_loop)));
            event_loop.run().await;
            other.await.unwrap()
        });
        assert!(before <= 2 * WOKEN_PER_LOOK, "{before}");
    }
}
