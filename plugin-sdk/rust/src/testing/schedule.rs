//! Whose turn it is. Handlers are plain functions that block in a question, so each job (a chain of calls) has a thread of its own; but
//! only one of them runs at a time, and the test only while none does. That makes every run the same.

use super::chain;
use super::queue::Incoming;
use super::timers::Due;
use super::world::{Number, World};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Steps without time passing. More are a plugin that calls itself again and again.
const STEPS_MAX: usize = 100_000;

pub(super) type JobId = u64;

/// A chain that has started and not ended.
pub(super) struct Job {
    pub(super) socket: Option<Number>,
    /// None while it runs.
    pub(super) wait: Option<Wait>,
    turn: Sender<Turn>,
    thread: Option<JoinHandle<()>>,
    /// The plugin whose own call it is.
    own: Option<usize>,
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
pub(super) enum Start {
    Connect { socket: Number },
    Event { socket: Number, event: Incoming },
    Timer { plugin: usize, socket: Option<Number>, due: Due },
    Leave { socket: Number, reason: String },
    Plugin { plugin: usize },
}

/// What a job that waits is told.
pub(super) enum Turn {
    GoOn,
    /// Its call took too long: it ends where it stands.
    GiveUp,
}

/// The world, and the turn that comes back from whatever job has it.
pub(super) struct Shared {
    world: Mutex<World>,
    back: Sender<()>,
    returned: Mutex<Receiver<()>>,
}

/// A job's own end of its turns.
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) id: JobId,
    turns: Receiver<Turn>,
}

enum Step {
    Tell(JobId, Turn),
    Start(Start),
}

impl Shared {
    pub(super) fn new(world: World) -> Arc<Self> {
        let (back, returned) = channel();
        Arc::new(Self { world: Mutex::new(world), back, returned: Mutex::new(returned) })
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs whatever can run without time passing: until every job has ended or waits.
    #[expect(clippy::panic, reason = "a test that would never end has failed")]
    pub(super) fn settle(self: &Arc<Self>) {
        for _ in 0..STEPS_MAX {
            let step = self.world().next_step();
            match step {
                Some(Step::Tell(job, turn)) => self.tell(job, turn),
                Some(Step::Start(start)) => drop(self.start(start)),
                None => return,
            }
        }
        panic!("the plugins do not come to rest: after {STEPS_MAX} steps without time passing there is still something to do");
    }

    /// Lets time pass, and everything that falls due in it happen at its time.
    pub(super) fn advance(self: &Arc<Self>, duration: Duration) {
        let end = self.world().now + duration;
        loop {
            self.settle();
            let mut world = self.world();
            match world.next_change().filter(|next| *next <= end) {
                Some(next) => world.now = world.now.max(next),
                None => break world.now = end,
            }
        }
        self.settle();
    }

    /// Runs `start` of each plugin in turn. One that waits gets the time that it wants.
    pub(super) fn begin(self: &Arc<Self>) {
        let plugins = self.world().plugins.clone();
        for plugin in plugins.iter().filter(|plugin| plugin.has_start) {
            let job = self.start(Start::Plugin { plugin: plugin.index });
            self.settle();
            while self.world().jobs.contains_key(&job) {
                let mut world = self.world();
                let Some(next) = world.next_change() else { break };
                world.now = world.now.max(next);
                drop(world);
                self.settle();
            }
        }
    }

    fn start(self: &Arc<Self>, start: Start) -> JobId {
        let (turn, turns) = channel();
        let id = {
            let mut world = self.world();
            world.jobs_started += 1;
            let id = world.jobs_started;
            let (socket, own) = start.place();
            let job = Job { socket, wait: None, turn, thread: None, own };
            world.jobs.insert(id, job);
            if let Some(socket) = socket {
                world.sockets[socket].queue.open.push(id);
            }
            if let Some(plugin) = own {
                world.own_call[plugin] = true;
            }
            id
        };
        let handle = Handle { shared: self.clone(), id, turns };
        let thread = thread::spawn(move || chain::run(handle, start));
        if let Some(job) = self.world().jobs.get_mut(&id) {
            job.thread = Some(thread);
        }
        self.await_return();
        id
    }

    fn tell(&self, job: JobId, turn: Turn) {
        let told = self.world().jobs.get_mut(&job).is_some_and(|job| {
            job.wait = None;
            job.turn.send(turn).is_ok()
        });
        if told {
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
        let jobs = std::mem::take(&mut self.world().jobs);
        for (_, Job { turn, thread, .. }) in jobs {
            drop(turn);
            if let Some(thread) = thread {
                let _ = thread.join();
            }
        }
    }
}

impl Handle {
    /// Waits, and says whether to go on.
    pub(super) fn wait(&self, wait: Wait) -> Turn {
        if let Some(job) = self.shared.world().jobs.get_mut(&self.id) {
            job.wait = Some(wait);
        }
        self.give_back();
        self.turns.recv().unwrap_or(Turn::GiveUp)
    }

    fn give_back(&self) {
        // Fails only if nobody is there any more.
        let _ = self.shared.back.send(());
    }
}

impl Drop for Handle {
    /// The job has ended, well or not.
    fn drop(&mut self) {
        let mut world = self.shared.world();
        let ended = world.jobs.remove(&self.id);
        if let Some(Job { socket, own, .. }) = ended {
            if let Some(socket) = socket {
                world.sockets[socket].queue.open.retain(|open| *open != self.id);
            }
            if let Some(plugin) = own {
                world.own_call[plugin] = false;
            }
        }
        drop(world);
        self.give_back();
    }
}

impl Start {
    /// The socket in whose queue it runs, or the plugin whose own call it is.
    fn place(&self) -> (Option<Number>, Option<usize>) {
        match self {
            Self::Connect { socket } | Self::Event { socket, .. } | Self::Leave { socket, .. } => (Some(*socket), None),
            Self::Timer { socket: Some(socket), .. } => (Some(*socket), None),
            Self::Timer { plugin, .. } | Self::Plugin { plugin } => (None, Some(*plugin)),
        }
    }
}

impl World {
    fn next_step(&mut self) -> Option<Step> {
        for connection in std::mem::take(&mut self.closing) {
            self.close(connection, super::write::SERVER_DISCONNECT);
        }
        self.hand_out_timers();
        self.next_turn().or_else(|| self.next_job().map(Step::Start))
    }

    fn next_turn(&self) -> Option<Step> {
        self.jobs.iter().find_map(|(id, job)| {
            let wait = job.wait.as_ref()?;
            let answered = matches!(wait.waits_for, WaitFor::Clients(question) if self.questions[question].open.is_empty());
            if answered || wait.until <= self.now {
                Some(Step::Tell(*id, Turn::GoOn))
            } else if wait.ends_at <= self.now {
                Some(Step::Tell(*id, Turn::GiveUp))
            } else {
                None
            }
        })
    }

    fn next_job(&mut self) -> Option<Start> {
        if let Some(start) = (0..self.sockets.len()).find_map(|socket| self.next_start(socket)) {
            return Some(start);
        }
        (0..self.plugins.len()).find_map(|plugin| {
            let due = if self.own_call[plugin] { None } else { self.timers[plugin].pop_own(self.now) };
            due.map(|due| Start::Timer { plugin, socket: None, due })
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
