//! Which thread runs. Each job has a thread of its own, but only one of them runs at a time, and the test only while none does. So every
//! run of a test is the same.

use super::host_state::HostState;
use super::ids::{JobId, NodeIndex};
use super::job::{Job, JobStart, Resumption, Wait};
use super::node_state::NodeStatus;
use super::steps::Step;
use innkeeper_contract::reasons::SERVER_SHUTTING_DOWN;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Steps without time passing. A plugin that does more calls itself again and again.
const STEPS_MAX: usize = 100_000;

/// Runs a job to its end, on its own thread.
pub(super) type RunJob = fn(JobHandle, JobStart);

/// The state of the host, and the jobs that change it.
pub(super) struct Scheduler {
    state: Mutex<HostState>,
    run_job: RunJob,
    /// The job that runs sends here when it waits or has ended.
    pauses: Sender<()>,
    paused: Mutex<Receiver<()>>,
}

/// A job's own side of the scheduler.
pub(super) struct JobHandle {
    pub(super) scheduler: Arc<Scheduler>,
    id: JobId,
    resumptions: Receiver<Resumption>,
}

impl Scheduler {
    pub(super) fn new(run_job: RunJob) -> Arc<Self> {
        let (pauses, paused) = channel();
        Arc::new(Self { state: Mutex::default(), run_job, pauses, paused: Mutex::new(paused) })
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
                Some(Step::Resume(job, resumption)) => self.resume(job, resumption),
                Some(Step::Start(start)) => drop(self.start(start)),
                None => return,
            }
        }
        panic!("the plugins do not come to rest: after {STEPS_MAX} steps without time passing there is still something to do");
    }

    /// Lets time pass. What falls due happens at its time.
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

    /// Runs a job until it has ended, however long it waits.
    pub(super) fn run_to_end(self: &Arc<Self>, start: JobStart) {
        let job = self.start(start);
        self.settle();
        while self.state().jobs.contains_key(&job) {
            let mut state = self.state();
            let Some(next) = state.next_change() else { break };
            state.now = state.now.max(next);
            drop(state);
            self.settle();
        }
    }

    /// A node ends.
    pub(super) fn shut_down(self: &Arc<Self>, node: NodeIndex) {
        {
            let mut state = self.state();
            for socket in 0..state.sockets.len() {
                if state.sockets[socket].node == node {
                    state.disconnect(socket, SERVER_SHUTTING_DOWN);
                }
            }
        }
        self.settle();
        self.state().nodes[node].status = NodeStatus::Gone;
    }

    /// Ends every job that waits, when the test drops its host.
    pub(super) fn end(&self) {
        let jobs = std::mem::take(&mut self.state().jobs);
        for (_, Job { resumptions, thread, .. }) in jobs {
            drop(resumptions);
            if let Some(thread) = thread {
                let _ = thread.join();
            }
        }
    }

    fn start(self: &Arc<Self>, start: JobStart) -> JobId {
        let (resumptions, receiver) = channel();
        let id = {
            let mut state = self.state();
            state.jobs_started += 1;
            let id = state.jobs_started;
            let (socket, plugin) = (start.socket(), start.plugin());
            state.jobs.insert(id, Job { socket, plugin, wait: None, is_overtakable: false, resumptions, thread: None });
            if let Some(socket) = socket {
                state.sockets[socket].queue.open.push(id);
            }
            if let Some(plugin) = plugin {
                state.plugins[plugin].is_busy = true;
            }
            id
        };
        let handle = JobHandle { scheduler: self.clone(), id, resumptions: receiver };
        let run_job = self.run_job;
        let thread = thread::spawn(move || run_job(handle, start));
        if let Some(job) = self.state().jobs.get_mut(&id) {
            job.thread = Some(thread);
        }
        self.await_pause();
        id
    }

    fn resume(&self, job: JobId, resumption: Resumption) {
        let resumed = self.state().jobs.get_mut(&job).is_some_and(|job| {
            job.wait = None;
            job.resumptions.send(resumption).is_ok()
        });
        if resumed {
            self.await_pause();
        }
    }

    fn await_pause(&self) {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        // The scheduler has a sender itself, so this cannot fail.
        let _ = paused.recv();
    }
}

impl JobHandle {
    /// Waits, and returns how to go on.
    pub(super) fn wait(&self, wait: Wait) -> Resumption {
        if let Some(job) = self.scheduler.state().jobs.get_mut(&self.id) {
            job.wait = Some(wait);
        }
        self.pause();
        self.resumptions.recv().unwrap_or(Resumption::Abort)
    }

    /// From now on the socket's next event may start while the job waits.
    pub(super) fn let_overtake(&self) {
        if let Some(job) = self.scheduler.state().jobs.get_mut(&self.id) {
            job.is_overtakable = true;
        }
    }

    fn pause(&self) {
        // Fails only if the host is gone.
        let _ = self.scheduler.pauses.send(());
    }
}

impl Drop for JobHandle {
    /// The job has ended, well or not.
    fn drop(&mut self) {
        let mut state = self.scheduler.state();
        if let Some(Job { socket, plugin, .. }) = state.jobs.remove(&self.id) {
            if let Some(socket) = socket {
                state.sockets[socket].queue.open.retain(|open| *open != self.id);
            }
            if let Some(plugin) = plugin {
                state.plugins[plugin].is_busy = false;
            }
        }
        drop(state);
        self.pause();
    }
}
