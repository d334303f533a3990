//! Whose turn it is. Handlers are plain functions that block in a question, so each job (a chain of calls) has a thread of its own; but
//! only one of them runs at a time, and the test only while none does. That makes every run the same.

use super::chain;
use super::host_state::{HostState, SocketIndex};
use super::queue::IncomingEvent;
use super::timers::DueTimer;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Steps without time passing. More are a plugin that calls itself again and again.
const STEPS_MAX: usize = 100_000;

pub(super) type JobId = u64;

/// A chain that has started and not ended.
pub(super) struct Job {
    pub(super) socket: Option<SocketIndex>,
    /// None while it runs.
    pub(super) wait: Option<Wait>,
    turn: Sender<Resumption>,
    thread: Option<JoinHandle<()>>,
    /// The plugin whose own_call_of call it is.
    own_call_of: Option<usize>,
}

/// What a job waits for.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) waits_for: WaitFor,
    pub(super) until: Duration,
    /// When the call fails, whatever it waits for.
    pub(super) ends_at: Duration,
}

#[derive(Clone, Copy)]
pub(super) enum WaitFor {
    Time,
    Clients(usize),
}

/// A job to start.
pub(super) enum JobStart {
    Connect { socket: SocketIndex },
    Event { socket: SocketIndex, event: IncomingEvent },
    Timer { plugin: usize, socket: Option<SocketIndex>, due: DueTimer },
    Leave { socket: SocketIndex, reason: String },
    Plugin { plugin: usize },
}

/// What a job that waits is told.
pub(super) enum Resumption {
    Continue,
    /// Its call took too long: it ends where it stands.
    Abort,
}

/// The state, and the turn that comes back from whatever job has it.
pub(super) struct Scheduler {
    state: Mutex<HostState>,
    back: Sender<()>,
    returned: Mutex<Receiver<()>>,
}

/// A job's own end of its turns.
pub(super) struct JobHandle {
    pub(super) shared: Arc<Scheduler>,
    pub(super) id: JobId,
    turns: Receiver<Resumption>,
}

enum SchedulerStep {
    Resume(JobId, Resumption),
    Start(JobStart),
}

impl Scheduler {
    pub(super) fn new(state: HostState) -> Arc<Self> {
        let (back, returned) = channel();
        Arc::new(Self { state: Mutex::new(state), back, returned: Mutex::new(returned) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, HostState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs whatever can run without time passing: until every job has ended or waits.
    #[expect(clippy::panic, reason = "a test that would never end has failed")]
    pub(super) fn settle(self: &Arc<Self>) {
        for _ in 0..STEPS_MAX {
            let step = self.state().next_step();
            match step {
                Some(SchedulerStep::Resume(job, turn)) => self.resume(job, turn),
                Some(SchedulerStep::Start(start)) => drop(self.start(start)),
                None => return,
            }
        }
        panic!("the plugins do not come to rest: after {STEPS_MAX} steps without time passing there is still something to do");
    }

    /// Lets time pass, and everything that falls due in it happen at its time.
    pub(super) fn advance(self: &Arc<Self>, duration: Duration) {
        let end = self.state().now + duration;
        loop {
            self.settle();
            let mut state = self.state();
            match state.next_change().filter(|next| *next <= end) {
                Some(next) => state.now = state.now.max(next),
                None => break state.now = end,
            }
        }
        self.settle();
    }

    /// Runs `start` of each plugin in turn. One that waits gets the time that it wants.
    pub(super) fn begin(self: &Arc<Self>) {
        let plugins = self.state().plugins.clone();
        for plugin in plugins.iter().filter(|plugin| plugin.has_start) {
            let job = self.start(JobStart::Plugin { plugin: plugin.index });
            self.settle();
            while self.state().jobs.contains_key(&job) {
                let mut state = self.state();
                let Some(next) = state.next_change() else { break };
                state.now = state.now.max(next);
                drop(state);
                self.settle();
            }
        }
    }

    fn start(self: &Arc<Self>, start: JobStart) -> JobId {
        let (turn, turns) = channel();
        let id = {
            let mut state = self.state();
            state.jobs_started += 1;
            let id = state.jobs_started;
            let (socket, own_call_of) = start.place();
            let job = Job { socket, wait: None, turn, thread: None, own_call_of };
            state.jobs.insert(id, job);
            if let Some(socket) = socket {
                state.sockets[socket].queue.open.push(id);
            }
            if let Some(plugin) = own_call_of {
                state.own_call[plugin] = true;
            }
            id
        };
        let handle = JobHandle { shared: self.clone(), id, turns };
        let thread = thread::spawn(move || chain::run(handle, start));
        if let Some(job) = self.state().jobs.get_mut(&id) {
            job.thread = Some(thread);
        }
        self.await_return();
        id
    }

    fn resume(&self, job: JobId, turn: Resumption) {
        let resumed = self.state().jobs.get_mut(&job).is_some_and(|job| {
            job.wait = None;
            job.turn.send(turn).is_ok()
        });
        if resumed {
            self.await_return();
        }
    }

    fn await_return(&self) {
        let returned = self.returned.lock().unwrap_or_else(PoisonError::into_inner);
        // We hold a sender ourselves, so this cannot fail.
        let _ = returned.recv();
    }

    /// Ends every job that waits. Called when the test lets go of its host.
    pub(super) fn end(&self) {
        let jobs = std::mem::take(&mut self.state().jobs);
        for (_, Job { turn, thread, .. }) in jobs {
            drop(turn);
            if let Some(thread) = thread {
                let _ = thread.join();
            }
        }
    }
}

impl JobHandle {
    /// Waits, and says whether to go on.
    pub(super) fn wait(&self, wait: Wait) -> Resumption {
        if let Some(job) = self.shared.state().jobs.get_mut(&self.id) {
            job.wait = Some(wait);
        }
        self.give_back();
        self.turns.recv().unwrap_or(Resumption::Abort)
    }

    fn give_back(&self) {
        // Fails only if nobody is there any more.
        let _ = self.shared.back.send(());
    }
}

impl Drop for JobHandle {
    /// The job has ended, well or not.
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let ended = state.jobs.remove(&self.id);
        if let Some(Job { socket, own_call_of, .. }) = ended {
            if let Some(socket) = socket {
                state.sockets[socket].queue.open.retain(|open| *open != self.id);
            }
            if let Some(plugin) = own_call_of {
                state.own_call[plugin] = false;
            }
        }
        drop(state);
        self.give_back();
    }
}

impl JobStart {
    /// The socket in whose queue it runs, or the plugin whose own_call_of call it is.
    fn place(&self) -> (Option<SocketIndex>, Option<usize>) {
        match self {
            Self::Connect { socket } | Self::Event { socket, .. } | Self::Leave { socket, .. } => (Some(*socket), None),
            Self::Timer { socket: Some(socket), .. } => (Some(*socket), None),
            Self::Timer { plugin, .. } | Self::Plugin { plugin } => (None, Some(*plugin)),
        }
    }
}

impl HostState {
    fn next_step(&mut self) -> Option<SchedulerStep> {
        for connection in std::mem::take(&mut self.closing) {
            self.close(connection, super::write::SERVER_NAMESPACE_DISCONNECT);
        }
        self.hand_out_timers();
        self.next_resumption().or_else(|| self.next_job().map(SchedulerStep::Start))
    }

    fn next_resumption(&self) -> Option<SchedulerStep> {
        self.jobs.iter().find_map(|(id, job)| {
            let wait = job.wait.as_ref()?;
            let answered = matches!(wait.waits_for, WaitFor::Clients(question) if self.questions[question].open.is_empty());
            if answered || wait.until <= self.now {
                Some(SchedulerStep::Resume(*id, Resumption::Continue))
            } else if wait.ends_at <= self.now {
                Some(SchedulerStep::Resume(*id, Resumption::Abort))
            } else {
                None
            }
        })
    }

    fn next_job(&mut self) -> Option<JobStart> {
        if let Some(start) = (0..self.sockets.len()).find_map(|socket| self.next_start(socket)) {
            return Some(start);
        }
        (0..self.plugins.len()).find_map(|plugin| {
            let due = if self.own_call[plugin] { None } else { self.timers[plugin].pop_own(self.now) };
            due.map(|due| JobStart::Timer { plugin, socket: None, due })
        })
    }

    /// When time would change something.
    fn next_change(&self) -> Option<Duration> {
        let timers = self.timers.iter().zip(&self.own_call).filter_map(|(timers, busy)| timers.next(!busy));
        let waits = self.jobs.values().filter_map(|job| job.wait.as_ref()).map(|wait| wait.until.min(wait.ends_at));
        let clocks = self.sockets.iter().filter_map(|socket| socket.queue.clock());
        timers.chain(waits).chain(clocks).min()
    }
}
