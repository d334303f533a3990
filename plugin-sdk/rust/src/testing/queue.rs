//! The order of one socket: its jobs start one after the other, with the one exception that prevents a standstill.

use super::host_state::{HostState, SocketIndex, SocketState};
use super::scheduler::{JobId, JobStart, WaitFor};
use super::timers::DueTimer;
use super::write::SERVER_NAMESPACE_DISCONNECT;
use crate::payload::Payload;
use std::collections::VecDeque;
use std::time::Duration;

/// Calls of one socket that overlap, because all of them wait for clients.
const OPEN_MAX: usize = 16;

/// The reason when the host ends.
pub(super) const SERVER_SHUTTING_DOWN: &str = "server shutting down";

/// What one socket has to do.
pub(super) struct Queue {
    pub(super) waiting: VecDeque<QueueItem>,
    pub(super) open: Vec<JobId>,
    /// The plugins that will hear of its end.
    pub(super) reached: Vec<usize>,
    stage: QueueStage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum QueueStage {
    New,
    Here,
    /// Gone, but what it had sent before still runs until then.
    Leaving {
        until: Duration,
    },
    Over,
}

/// An event of the client.
#[derive(Clone)]
pub(super) struct IncomingEvent {
    pub(super) name: String,
    pub(super) payload: Payload,
    pub(super) ack: Option<u64>,
}

/// What has not started yet.
pub(super) enum QueueItem {
    Event(IncomingEvent),
    Timer { plugin: usize, due: DueTimer },
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), open: Vec::new(), reached: Vec::new(), stage: QueueStage::New }
    }
}

impl Queue {
    /// Of a socket that was never there.
    pub(super) fn over() -> Self {
        Self { stage: QueueStage::Over, ..Self::default() }
    }

    pub(super) fn has_timer(&self, plugin: usize, name: &str) -> bool {
        self.waiting.iter().any(|waiting| waiting.is_timer(plugin, name))
    }

    pub(super) fn forget_timer(&mut self, plugin: usize, name: &str) {
        self.waiting.retain(|waiting| !waiting.is_timer(plugin, name));
    }

    /// When its time is up, if anything of a socket that left still waits.
    pub(super) fn clock(&self) -> Option<Duration> {
        match self.stage {
            QueueStage::Leaving { until } if !self.waiting.is_empty() => Some(until),
            _ => None,
        }
    }
}

impl QueueItem {
    fn is_timer(&self, of: usize, name: &str) -> bool {
        matches!(self, Self::Timer { plugin, due } if *plugin == of && due.name == name)
    }
}

impl HostState {
    /// The job of this socket that may start now.
    pub(super) fn next_start(&mut self, socket: SocketIndex) -> Option<JobStart> {
        self.note_disconnect(socket);
        let all_await_clients = self.sockets[socket].queue.open.iter().all(|job| self.awaits_clients(*job));
        let socket_state = &mut self.sockets[socket];
        let queue = &mut socket_state.queue;
        if !all_await_clients || queue.open.len() >= OPEN_MAX {
            return None;
        }
        if queue.stage == QueueStage::New {
            queue.stage = QueueStage::Here;
            return Some(JobStart::Connect { socket });
        }
        match queue.waiting.pop_front() {
            Some(QueueItem::Event(event)) => {
                socket_state.open_acks.extend(event.ack);
                return Some(JobStart::Event { socket, event });
            }
            Some(QueueItem::Timer { plugin, due }) => return Some(JobStart::Timer { plugin, socket: Some(socket), due }),
            None => {}
        }
        match queue.stage {
            QueueStage::Leaving { .. } if queue.open.is_empty() => {
                queue.stage = QueueStage::Over;
                Some(JobStart::Leave { socket, reason: socket_state.reason.clone().unwrap_or_default() })
            }
            _ => None,
        }
    }

    /// Sees that the socket has left, whoever ended its stay, and that its time is up.
    fn note_disconnect(&mut self, socket: SocketIndex) {
        let (now, patience) = (self.now, self.call_limit);
        let socket_state = &mut self.sockets[socket];
        if socket_state.life == SocketState::Left && socket_state.queue.stage == QueueStage::Here {
            socket_state.queue.stage = QueueStage::Leaving { until: now + patience };
            socket_state.queue.waiting.retain(|waiting| matches!(waiting, QueueItem::Event(_)));
            if matches!(socket_state.reason.as_deref(), Some(SERVER_NAMESPACE_DISCONNECT | SERVER_SHUTTING_DOWN)) {
                socket_state.queue.waiting.clear();
            }
        }
        if socket_state.queue.clock().is_some_and(|until| until <= now) {
            socket_state.queue.waiting.clear();
        }
    }

    fn awaits_clients(&self, job: JobId) -> bool {
        let wait = self.jobs.get(&job).and_then(|job| job.wait.as_ref());
        wait.is_some_and(|wait| matches!(wait.waits_for, WaitFor::Clients(_)))
    }
}
