//! The dispatcher: events go in here one after the other for each socket, and out to the plugins that want them.
//!
//! [`Queue`] keeps the order of one socket. Each of its jobs is a chain: connecting, an event, leaving. A job takes one look at
//! the registry when it leaves the queue and keeps to what it saw. What plugins do on the way goes through
//! [`Effects`](crate::effect::Effects), so that a test can read it off a list.

mod connect;
mod disconnect;
mod event;
mod failure;
mod queue;
#[cfg(test)]
mod tests;
mod timer;

use std::sync::Arc;

pub(crate) use queue::Queue;
pub(crate) use timer::run_timers;

use crate::effect::Effects;
use crate::plugin::Registry;

/// What every queue shares.
pub(crate) struct Dispatcher {
    pub(crate) registry: Arc<Registry>,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) limits: DispatchLimits,
}

/// How much one socket may have open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DispatchLimits {
    /// Calls of one socket that overlap, because all of them wait for clients.
    pub(crate) open_calls: usize,
    /// Acks that a client waits for; the oldest is forgotten beyond.
    pub(crate) open_acks: usize,
}
