//! The order of one socket: its jobs start one after the other, with the one exception that prevents a standstill.

use super::schedule::{JobId, Start, WaitFor};
use super::timers::Due;
use super::world::{Life, Number, World};
use super::write::SERVER_DISCONNECT;
use crate::payload::Payload;
use std::collections::VecDeque;
use std::time::Duration;

/// Calls of one socket that overlap, because all of them wait for clients.
const OPEN_MAX: usize = 16;

/// The reason when the host ends.
pub(super) const SHUTTING_DOWN: &str = "server shutting down";

/// What one socket has to do.
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) open: Vec<JobId>,
    /// The plugins that will hear of its end.
    pub(super) reached: Vec<usize>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
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
pub(super) struct Incoming {
    pub(super) name: String,
    pub(super) payload: Payload,
    pub(super) ack: Option<u64>,
}

/// What has not started yet.
pub(super) enum Waiting {
    Event(Incoming),
    Timer { plugin: usize, due: Due },
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), open: Vec::new(), reached: Vec::new(), stage: Stage::New }
    }
}

impl Queue {
    /// Of a socket that was never there.
    pub(super) fn over() -> Self {
        Self { stage: Stage::Over, ..Self::default() }
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
            Stage::Leaving { until } if !self.waiting.is_empty() => Some(until),
            _ => None,
        }
    }
}

impl Waiting {
    fn is_timer(&self, of: usize, name: &str) -> bool {
        matches!(self, Self::Timer { plugin, due } if *plugin == of && due.name == name)
    }
}

impl World {
    /// The job of this socket that may start now.
    pub(super) fn next_start(&mut self, socket: Number) -> Option<Start> {
        self.note_departure(socket);
        let all_await_clients = self.sockets[socket].queue.open.iter().all(|job| self.awaits_clients(*job));
        let record = &mut self.sockets[socket];
        let queue = &mut record.queue;
        if !all_await_clients || queue.open.len() >= OPEN_MAX {
            return None;
        }
        if queue.stage == Stage::New {
            queue.stage = Stage::Here;
            return Some(Start::Connect { socket });
        }
        match queue.waiting.pop_front() {
            Some(Waiting::Event(event)) => {
                record.open_acks.extend(event.ack);
                return Some(Start::Event { socket, event });
            }
            Some(Waiting::Timer { plugin, due }) => return Some(Start::Timer { plugin, socket: Some(socket), due }),
            None => {}
        }
        match queue.stage {
            Stage::Leaving { .. } if queue.open.is_empty() => {
                queue.stage = Stage::Over;
                Some(Start::Leave { socket, reason: record.reason.clone().unwrap_or_default() })
            }
            _ => None,
        }
    }

    /// Sees that the socket has left, whoever ended its stay, and that its time is up.
    fn note_departure(&mut self, socket: Number) {
        let (now, patience) = (self.now, self.call_limit);
        let record = &mut self.sockets[socket];
        if record.life == Life::Left && record.queue.stage == Stage::Here {
            record.queue.stage = Stage::Leaving { until: now + patience };
            record.queue.waiting.retain(|waiting| matches!(waiting, Waiting::Event(_)));
            if matches!(record.reason.as_deref(), Some(SERVER_DISCONNECT | SHUTTING_DOWN)) {
                record.queue.waiting.clear();
            }
        }
        if record.queue.clock().is_some_and(|until| until <= now) {
            record.queue.waiting.clear();
        }
    }

    fn awaits_clients(&self, job: JobId) -> bool {
        let wait = self.jobs.get(&job).and_then(|job| job.wait.as_ref());
        wait.is_some_and(|wait| matches!(wait.waits_for, WaitFor::Clients(_)))
    }
}
