//! The queue of one socket: its jobs start one after the other.
//!
//! Owned and polled by the connection's task. A job starts when the one before has ended. The exception prevents a deadlock:
//! while every open job waits for acks of clients, the next one starts beside them, because those acks may depend on it. And a
//! plugin can choose it: an `overtakable` handler lets the next one start while it waits for anything.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Sleep;

use super::dispatcher::Dispatcher;
use super::met::{Met, Newcomers};
use super::{connect, disconnect, event, timer};
use crate::adapter::{DueTimer, Socket};
use crate::limit_hits::LimitHit;
use crate::plugin::{Chain, Event, Progress};
use crate::reason::DisconnectReason;
use crate::turn::go_on_later;

/// Jobs that start in one poll; after them other tasks have their turn.
const STARTS_PER_POLL: usize = 32;

/// The jobs of one socket, in order: its connect chain, its events and due timers, its disconnect chain.
pub(crate) struct Queue {
    dispatcher: Arc<Dispatcher>,
    socket: Arc<Socket>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    open: Vec<Job>,
    /// The plugins whose `disconnect` will be called.
    met: Met,
    /// `open_calls_per_socket` alone keeps the next job from starting, and that is counted.
    held_by_limit: bool,
    state: QueueState,
}

enum QueueState {
    /// The socket is pending or connected.
    Connected,
    /// The socket is disconnected; what its client had sent before still runs, until the timeout drops it.
    Draining { reason: DisconnectReason, timeout: Pin<Box<Sleep>> },
    /// The disconnect chain runs.
    Disconnecting,
    /// All `disconnect` handlers have returned.
    Done,
}

/// A job that has not started.
enum Waiting {
    Event(Event),
    /// The number of the timer: the socket keeps the timer itself, so that it can still be cancelled.
    DueTimer(u64),
}

/// A job that has started.
struct Job {
    run: Pin<Box<dyn Future<Output = JobOutcome> + Send>>,
    progress: Arc<Progress>,
    /// Of the connect chain.
    connects: Option<Arc<Chain>>,
}

enum JobOutcome {
    /// The connect chain has ended; these are the plugins that it reached.
    Connected(Vec<Arc<str>>),
    /// An event or a timer.
    Handled,
    Disconnected,
}

impl Job {
    /// A job that has this outcome when `run` has ended.
    fn new(run: impl Future<Output = ()> + Send + 'static, outcome: JobOutcome, progress: Arc<Progress>) -> Self {
        Self { run: Box::pin(run.map(|()| outcome)), progress, connects: None }
    }
}

impl Queue {
    /// A queue that begins with the connect chain of a pending socket.
    pub(crate) fn connect(dispatcher: Arc<Dispatcher>, socket: Arc<Socket>) -> Self {
        let progress = Arc::new(Progress::default());
        // Behind the making of the namespace: if it is removed from now on, that is seen before the socket is in it, or with the socket.
        let connects = dispatcher.registry.serving(socket.namespace());
        let chain = connect::connect(dispatcher.clone(), socket.clone(), connects.clone(), progress.clone());
        let met = Met::new(connects.as_deref());
        let job = Job { run: Box::pin(async { JobOutcome::Connected(chain.await) }), progress, connects };
        Self {
            dispatcher,
            socket,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            open: vec![job],
            met,
            held_by_limit: false,
            state: QueueState::Connected,
        }
    }

    pub(crate) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Adds an event of the client. Ignored once the socket is disconnected.
    pub(crate) fn push(&mut self, event: Event) {
        if let QueueState::Connected = self.state {
            self.waiting_bytes += event.payload.len() + event.name.len();
            self.waiting.push_back(Waiting::Event(event));
        }
    }

    /// How many jobs wait, and the bytes of their events: the measure of inbound backpressure.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        (self.waiting.len(), self.waiting_bytes)
    }

    /// Whether the socket was disconnected and this queue has not been polled since.
    pub(crate) fn has_unseen_disconnect(&self) -> bool {
        matches!(self.state, QueueState::Connected) && self.socket.disconnect_reason().is_some()
    }

    /// Runs what can run. Ready when the last `disconnect` has returned.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_open(context);
        self.queue_due_timers();
        self.check_disconnected(context);
        for started in 0.. {
            if started == STARTS_PER_POLL {
                go_on_later(context);
                break;
            }
            let Some(job) = self.next() else { break };
            self.open.push(job);
            self.poll_last(context);
            self.check_disconnected(context);
        }
        match self.state {
            QueueState::Done => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Adds the timers of the socket that are due. They end with the socket.
    fn queue_due_timers(&mut self) {
        let due = self.socket.take_new_due_timers();
        if let QueueState::Connected = self.state {
            self.waiting.extend(due.into_iter().map(Waiting::DueTimer));
        }
    }

    fn poll_open(&mut self, context: &mut Context<'_>) {
        let mut index = 0;
        while let Some(job) = self.open.get_mut(index) {
            match job.run.as_mut().poll(context) {
                Poll::Ready(outcome) => {
                    self.open.remove(index);
                    self.job_ended(outcome);
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
        if let Poll::Ready(outcome) = job.run.as_mut().poll(context) {
            self.open.pop();
            self.job_ended(outcome);
        }
    }

    fn job_ended(&mut self, outcome: JobOutcome) {
        match outcome {
            JobOutcome::Connected(reached) => self.met.reached(reached),
            JobOutcome::Handled => {}
            JobOutcome::Disconnected => self.state = QueueState::Done,
        }
    }

    /// Notices that the socket was disconnected, by whichever side, and that the time for what its client had sent is up.
    fn check_disconnected(&mut self, context: &mut Context<'_>) {
        if let QueueState::Connected = self.state {
            let Some(reason) = self.socket.disconnect_reason() else { return };
            if reason.is_server_side() {
                self.drop_waiting();
            }
            self.state = QueueState::Draining { reason, timeout: Box::pin(tokio::time::sleep(self.drain_limit())) };
        }
        if let QueueState::Draining { timeout, .. } = &mut self.state
            && !self.waiting.is_empty()
            && timeout.as_mut().poll(context).is_ready()
        {
            self.drop_waiting();
        }
    }

    fn drop_waiting(&mut self) {
        let dropped = self.waiting.len();
        if dropped > 0 {
            tracing::debug!(conn = self.socket.connection(), sid = %self.socket.id(), dropped, "events of a disconnected socket were dropped");
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
                    if let Some(due) = self.socket.begin_due_timer(number) {
                        return Some(self.timer_job(due));
                    }
                }
            }
        }
        if self.waiting.capacity() > 0 {
            self.waiting = VecDeque::new();
        }
        match self.state {
            QueueState::Draining { reason, .. } if self.open.is_empty() => Some(self.disconnect_job(reason)),
            _ => None,
        }
    }

    fn may_start(&mut self) -> bool {
        match self.state {
            QueueState::Connected | QueueState::Draining { .. } => {
                let all_yield = self.open.iter().all(|job| job.progress.yields());
                let is_full = self.open.len() >= self.dispatcher.limits.open_calls;
                let may_start = all_yield && !is_full;
                if may_start {
                    self.held_by_limit = false;
                } else if all_yield && !self.waiting.is_empty() && !self.held_by_limit {
                    // Once for each time that jobs begin to wait for it, and not at each look at the queue.
                    self.held_by_limit = true;
                    self.dispatcher.limit_hits.hit(LimitHit::OpenCallsPerSocket);
                }
                may_start
            }
            QueueState::Disconnecting | QueueState::Done => false,
        }
    }

    fn event_job(&mut self, event: Event) -> Job {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(event.payload.len() + event.name.len());
        if let Some(ack) = event.ack
            && self.socket.open_ack(ack, self.dispatcher.limits.open_acks)
        {
            self.dispatcher.limit_hits.hit(LimitHit::OpenAcksPerSocket);
        }
        let (progress, chain) = (Arc::new(Progress::default()), self.chain());
        let newcomers = self.newcomers(chain.as_deref());
        let chain = event::event(self.dispatcher.clone(), self.socket.clone(), chain, newcomers, event, progress.clone());
        Job::new(chain, JobOutcome::Handled, progress)
    }

    fn timer_job(&mut self, due: DueTimer) -> Job {
        let (progress, chain) = (Arc::new(Progress::default()), self.chain());
        let newcomers = self.newcomers(chain.as_deref());
        let run = timer::socket_timer(self.dispatcher.clone(), self.socket.clone(), chain, newcomers, due, progress.clone());
        Job::new(run, JobOutcome::Handled, progress)
    }

    /// A plugin that joined the namespace, and that the socket has not met, knows nothing of it and has nothing to end.
    fn disconnect_job(&mut self, reason: DisconnectReason) -> Job {
        self.state = QueueState::Disconnecting;
        let (progress, chain) = (Arc::new(Progress::default()), self.chain());
        let (dispatcher, socket) = (self.dispatcher.clone(), self.socket.clone());
        let chain = disconnect::disconnect(dispatcher, socket, chain, self.met.take(), reason, progress.clone());
        Job::new(chain, JobOutcome::Disconnected, progress)
    }

    /// The snapshot of the registry that the next job takes.
    fn chain(&self) -> Option<Arc<Chain>> {
        self.dispatcher.registry.chain(self.socket.namespace())
    }

    /// The members of the chain that the socket has not met: the next job begins with their `connection`.
    fn newcomers(&mut self, chain: Option<&Chain>) -> Newcomers {
        let connects = self.open.iter().find_map(|job| job.connects.as_deref());
        chain.map(|chain| self.met.newcomers(chain, connects)).unwrap_or_default()
    }

    /// How long what the client had sent before its socket was disconnected may still run.
    fn drain_limit(&self) -> Duration {
        let chain = self.chain();
        let limits = chain.iter().flat_map(|chain| &chain.members).map(|member| member.plugin.call_limit());
        limits.max().unwrap_or_default()
    }
}
