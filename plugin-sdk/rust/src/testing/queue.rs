//! The queue of one socket: what it still has to do, in order.

use super::ids::JobId;
use super::timers::{DueTimer, TimerId};
use crate::payload::Payload;
use std::collections::VecDeque;
use std::time::Duration;

/// What one socket has to do.
pub(super) struct Queue {
    pub(super) waiting: VecDeque<QueueItem>,
    pub(super) open: Vec<JobId>,
    /// The plugins whose place in the `connection` chain the socket reached: their `disconnect` is called.
    pub(super) reached: Vec<usize>,
    pub(super) stage: QueueStage,
}

/// How far the queue is in the life of its socket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueStage {
    /// The connect chain has not started.
    New,
    /// The connect chain has started.
    Running,
    /// The socket has disconnected. Events that its client had sent before still run until then.
    Leaving { until: Duration },
    /// The disconnect chain has started.
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
    /// Of a socket that never was in its namespace.
    pub(super) fn over() -> Self {
        Self { stage: QueueStage::Over, ..Self::default() }
    }

    pub(super) fn has_timer(&self, plugin: usize, id: &TimerId) -> bool {
        self.waiting.iter().any(|item| item.is_timer(plugin, id))
    }

    pub(super) fn remove_timer(&mut self, plugin: usize, id: &TimerId) {
        self.waiting.retain(|item| !item.is_timer(plugin, id));
    }

    /// When the queue of a disconnected socket is cut off, if anything still waits in it.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            QueueStage::Leaving { until } if !self.waiting.is_empty() => Some(until),
            _ => None,
        }
    }
}

impl QueueItem {
    fn is_timer(&self, of: usize, id: &TimerId) -> bool {
        matches!(self, Self::Timer { plugin, due } if *plugin == of && due.id == *id)
    }
}
