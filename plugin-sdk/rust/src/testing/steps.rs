//! What runs next, without time passing; and when time would change something.

use super::host_state::HostState;
use super::ids::{JobId, SocketIndex};
use super::job::{JobStart, Resumption, WaitFor};
use super::queue::{QueueItem, QueueStage};
use super::server_socket::SocketState;
use innkeeper_contract::defaults::OPEN_CALLS_PER_SOCKET;
use innkeeper_contract::reasons::{SERVER_NAMESPACE_DISCONNECT, SERVER_SHUTTING_DOWN};
use std::time::Duration;

/// One step of the host.
pub(super) enum Step {
    Resume(JobId, Resumption),
    Start(JobStart),
}

impl HostState {
    pub(super) fn next_step(&mut self) -> Option<Step> {
        for connection in std::mem::take(&mut self.closing) {
            self.close(connection, SERVER_NAMESPACE_DISCONNECT);
        }
        self.queue_due_timers();
        self.next_resumption().or_else(|| self.next_job().map(Step::Start))
    }

    /// When time would change something.
    pub(super) fn next_change(&self) -> Option<Duration> {
        let timers = self.plugins.iter().filter_map(|state| state.timers.next(!state.is_busy));
        let waits = self.jobs.values().filter_map(|job| job.wait.as_ref()).map(|wait| wait.until.min(wait.ends_at));
        let deadlines = self.sockets.iter().filter_map(|socket| socket.queue.deadline());
        timers.chain(waits).chain(deadlines).min()
    }

    /// Puts the timers of sockets that are due into the sockets' queues, and drops those of disconnected sockets.
    fn queue_due_timers(&mut self) {
        let (plugins, sockets) = (&mut self.plugins, &mut self.sockets);
        for (plugin, state) in plugins.iter_mut().enumerate() {
            state.timers.retain_sockets(|socket| sockets[socket].state != SocketState::Left);
            while let Some((socket, due)) = state.timers.pop_of_socket(self.now) {
                let queue = &mut sockets[socket].queue;
                // One that still waits and is due again is late: it runs once.
                if !queue.has_timer(plugin, &due.id) {
                    queue.waiting.push_back(QueueItem::Timer { plugin, due });
                }
            }
        }
    }

    fn next_resumption(&self) -> Option<Step> {
        self.jobs.iter().find_map(|(id, job)| {
            let wait = job.wait.as_ref()?;
            let is_answered = match wait.waits_for {
                WaitFor::Time => false,
                WaitFor::Clients(question) => self.questions[question].is_answered(),
                WaitFor::Servers(question) => self.server_questions[question].is_answered(),
            };
            if is_answered || wait.until <= self.now {
                Some(Step::Resume(*id, Resumption::Continue))
            } else if wait.ends_at <= self.now {
                Some(Step::Resume(*id, Resumption::Abort))
            } else {
                None
            }
        })
    }

    fn next_job(&mut self) -> Option<JobStart> {
        if let Some(start) = (0..self.sockets.len()).find_map(|socket| self.next_job_of_socket(socket)) {
            return Some(start);
        }
        let now = self.now;
        let mut idle = self.plugins.iter_mut().enumerate().filter(|(_, state)| !state.is_busy);
        idle.find_map(|(plugin, state)| {
            let timer = state.timers.pop_of_plugin(now).map(|due| JobStart::Timer { plugin, socket: None, due });
            timer.or_else(|| state.server_events.pop_front().map(|event| JobStart::ServerEvent { plugin, event }))
        })
    }

    /// The jobs of a socket start one after the other. The queue goes on while every open job waits for clients, which prevents a
    /// deadlock, or in the last call of an event that the plugin registered as overtakable.
    fn next_job_of_socket(&mut self, index: SocketIndex) -> Option<JobStart> {
        self.cut_off_queue(index);
        let open = &self.sockets[index].queue.open;
        if open.len() >= OPEN_CALLS_PER_SOCKET || !open.iter().all(|job| self.can_be_overtaken(*job)) {
            return None;
        }
        let socket = &mut self.sockets[index];
        let queue = &mut socket.queue;
        if queue.stage == QueueStage::New {
            queue.stage = QueueStage::Running;
            return Some(JobStart::Connect { socket: index });
        }
        match queue.waiting.pop_front() {
            Some(QueueItem::Event(event)) => {
                socket.open_acks.extend(event.ack);
                return Some(JobStart::Event { socket: index, event });
            }
            Some(QueueItem::Timer { plugin, due }) => return Some(JobStart::Timer { plugin, socket: Some(index), due }),
            None => {}
        }
        match queue.stage {
            QueueStage::Leaving { .. } if queue.open.is_empty() => {
                queue.stage = QueueStage::Over;
                Some(JobStart::Disconnect { socket: index, reason: socket.reason.clone().unwrap_or_default() })
            }
            _ => None,
        }
    }

    /// Drops what a disconnected socket does not do any more: its timers, its events after some time, and all of its events if
    /// the server disconnected it.
    fn cut_off_queue(&mut self, index: SocketIndex) {
        let (now, patience) = (self.now, self.call_limit);
        let socket = &mut self.sockets[index];
        let queue = &mut socket.queue;
        if socket.state == SocketState::Left && queue.stage == QueueStage::Running {
            queue.stage = QueueStage::Leaving { until: now + patience };
            queue.waiting.retain(|item| matches!(item, QueueItem::Event(_)));
            if matches!(socket.reason.as_deref(), Some(SERVER_NAMESPACE_DISCONNECT | SERVER_SHUTTING_DOWN)) {
                queue.waiting.clear();
            }
        }
        if queue.deadline().is_some_and(|until| until <= now) {
            queue.waiting.clear();
        }
    }
}
