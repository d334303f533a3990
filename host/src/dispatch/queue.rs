//! The order of one socket: its jobs start one after the other.
//!
//! Owned and polled by the connection's task. A job goes on when the one before has ended. The exception prevents a standstill:
//! while every open job waits for acks of clients, the next starts beside them, since those acks may depend on it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::{Dispatcher, connect, event, leave, timer};
use crate::adapter::{DueTimer, Socket};
use crate::plugin::{Event, Progress};

/// Events that start in one poll; then the task's neighbours have their turn.
const STARTS_PER_POLL: usize = 64;

/// What one socket has to do, in order: its connect chain, its events, its disconnect chain.
pub(crate) struct Queue {
    dispatcher: Arc<Dispatcher>,
    socket: Arc<Socket>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    open: Vec<Job>,
    /// The plugins that will hear of its end.
    reached: Vec<Arc<str>>,
    stage: Stage,
}

enum Stage {
    /// Connecting or connected.
    Here,
    /// Gone, but what it had sent before still runs until the clock ends it.
    Leaving {
        reason: &'static str,
        clock: Pin<Box<Sleep>>,
    },
    /// The disconnect chain runs.
    Parting,
    Over,
}

/// What has not started yet.
enum Waiting {
    Event(Event),
    /// By its number: the record has it, where it can still be taken back.
    DueTimer(u64),
}

struct Job {
    run: Pin<Box<dyn Future<Output = Done> + Send>>,
    progress: Arc<Progress>,
}

enum Done {
    Connected(Vec<Arc<str>>),
    Handled,
    Parted,
}

impl Job {
    /// What runs, and what it means that it has ended.
    fn new(run: impl Future<Output = ()> + Send + 'static, done: Done, progress: Arc<Progress>) -> Self {
        let run = Box::pin(async {
            run.await;
            done
        });
        Self { run, progress }
    }
}

impl Queue {
    /// A queue that begins with the connect chain of a pending socket.
    pub(crate) fn connect(dispatcher: Arc<Dispatcher>, socket: Arc<Socket>) -> Self {
        let progress = Arc::new(Progress::default());
        let chain = connect::connect(dispatcher.clone(), socket.clone(), progress.clone());
        let job = Job { run: Box::pin(async { Done::Connected(chain.await) }), progress };
        Self {
            dispatcher,
            socket,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            open: vec![job],
            reached: Vec::new(),
            stage: Stage::Here,
        }
    }

    pub(crate) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// An event of the client. Ignored once the socket has left.
    pub(crate) fn push(&mut self, event: Event) {
        if let Stage::Here = self.stage {
            self.waiting_bytes += event.payload.len() + event.name.len();
            self.waiting.push_back(Waiting::Event(event));
        }
    }

    /// Events and bytes that wait: the measure of inbound backpressure.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting_bytes)
    }

    /// Whether the socket has left and this queue was not polled since.
    pub(crate) fn has_news(&self) -> bool {
        matches!(self.stage, Stage::Here) && self.socket.departed().is_some()
    }

    /// Runs what can run. Ready when the last `disconnect` has returned.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_open(context);
        self.take_errands();
        self.note_departure(context);
        for started in 0.. {
            if started == STARTS_PER_POLL {
                context.waker().wake_by_ref();
                break;
            }
            let Some(job) = self.next() else { break };
            self.open.push(job);
            self.poll_last(context);
            self.note_departure(context);
        }
        match self.stage {
            Stage::Over => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Timers of the socket that are due: they end with it.
    fn take_errands(&mut self) {
        let errands = self.socket.take_errands();
        if let Stage::Here = self.stage {
            self.waiting.extend(errands.into_iter().map(Waiting::DueTimer));
        }
    }

    fn poll_open(&mut self, context: &mut Context<'_>) {
        let mut index = 0;
        while let Some(job) = self.open.get_mut(index) {
            match job.run.as_mut().poll(context) {
                Poll::Ready(done) => {
                    self.open.remove(index);
                    self.finish(done);
                }
                Poll::Pending => index += 1,
            }
        }
        if self.open.is_empty() {
            // An idle socket holds nothing.
            self.open = Vec::new();
        }
    }

    fn poll_last(&mut self, context: &mut Context<'_>) {
        let Some(job) = self.open.last_mut() else { return };
        if let Poll::Ready(done) = job.run.as_mut().poll(context) {
            self.open.pop();
            self.finish(done);
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Connected(reached) => self.reached = reached,
            Done::Handled => {}
            Done::Parted => self.stage = Stage::Over,
        }
    }

    /// Sees that the socket has left, whoever ended its stay, and that its time is up.
    fn note_departure(&mut self, context: &mut Context<'_>) {
        if let Stage::Here = self.stage {
            let Some(reason) = self.socket.departed() else { return };
            if is_server_side(reason) {
                self.drop_waiting();
            }
            self.stage = Stage::Leaving { reason, clock: Box::pin(tokio::time::sleep(self.patience())) };
        }
        if let Stage::Leaving { clock, .. } = &mut self.stage
            && !self.waiting.is_empty()
            && clock.as_mut().poll(context).is_ready()
        {
            self.drop_waiting();
        }
    }

    fn drop_waiting(&mut self) {
        let dropped = self.waiting.len();
        if dropped > 0 {
            tracing::debug!(sid = %self.socket.id(), dropped, "events of a socket that left were dropped");
        }
        self.waiting = VecDeque::new();
        self.waiting_bytes = 0;
    }

    /// The job that may start now.
    fn next(&mut self) -> Option<Job> {
        if !self.may_start() {
            return None;
        }
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting {
                Waiting::Event(event) => return Some(self.event_job(event)),
                Waiting::DueTimer(number) => {
                    if let Some(errand) = self.socket.begin_errand(number) {
                        return Some(self.errand_job(errand));
                    }
                }
            }
        }
        if self.waiting.capacity() > 0 {
            self.waiting = VecDeque::new();
        }
        match self.stage {
            Stage::Leaving { reason, .. } if self.open.is_empty() => Some(self.leave_job(reason)),
            _ => None,
        }
    }

    fn may_start(&self) -> bool {
        match self.stage {
            Stage::Here | Stage::Leaving { .. } => {
                let all_await_clients = self.open.iter().all(|job| job.progress.awaits_clients());
                all_await_clients && self.open.len() < self.dispatcher.limits.open_calls
            }
            Stage::Parting | Stage::Over => false,
        }
    }

    fn event_job(&mut self, event: Event) -> Job {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(event.payload.len() + event.name.len());
        if let Some(ack) = event.ack {
            self.socket.open_ack(ack, self.dispatcher.limits.open_acks);
        }
        let progress = Arc::new(Progress::default());
        let chain = event::event(self.dispatcher.clone(), self.socket.clone(), event, progress.clone());
        Job::new(chain, Done::Handled, progress)
    }

    fn errand_job(&self, errand: DueTimer) -> Job {
        let progress = Arc::new(Progress::default());
        let run = timer::errand(self.dispatcher.clone(), self.socket.clone(), errand, progress.clone());
        Job::new(run, Done::Handled, progress)
    }

    fn leave_job(&mut self, reason: &'static str) -> Job {
        self.stage = Stage::Parting;
        let progress = Arc::new(Progress::default());
        let reached = std::mem::take(&mut self.reached);
        let chain = leave::leave(self.dispatcher.clone(), self.socket.clone(), reached, reason, progress.clone());
        Job::new(chain, Done::Parted, progress)
    }

    /// How long what a client had sent before it left may still run.
    fn patience(&self) -> Duration {
        let chain = self.dispatcher.registry.chain(self.socket.namespace().name());
        let limits = chain.iter().flat_map(|chain| &chain.members).map(|member| member.plugin.call_limit());
        limits.max().unwrap_or_default()
    }
}

/// Whether the server ended it: then what has not started is dropped.
fn is_server_side(reason: &str) -> bool {
    matches!(reason, "server namespace disconnect" | "server shutting down" | "slow consumer" | "inbound limit")
}
