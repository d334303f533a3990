//! Dispatch: the events of each socket go one after the other to the plugins that registered for them.
//!
//! [`Queue`] keeps the order of one socket. Each of its jobs is a chain of plugins: connecting, an event, disconnecting. A job
//! takes one snapshot of the registry when it leaves the queue and keeps to it. What plugins do meanwhile goes through
//! [`Effects`](crate::effect::Effects), so that a test can replace it.

mod connect;
mod disconnect;
mod dispatcher;
mod event;
mod failure;
mod met;
mod queue;
mod removed;
mod server_event;
#[cfg(test)]
mod tests;
mod timer;

pub(crate) use dispatcher::{DispatchLimits, Dispatcher};
pub(crate) use queue::Queue;
pub(crate) use removed::{disconnect_removed, has_removed};
pub(crate) use server_event::ServerEventDispatch;
pub(crate) use timer::run_timers;
