//! Calls of a `shared` plugin as futures, for the tests' guests in Rust: a call that waits goes on in the export `wake`, and settles
//! itself.
//!
//! An instance has one thread and one list of tasks. A task is polled in the entry that begins it, and again in each `wake` that
//! reports a ticket for which it waits.

mod task;
mod tasks;

pub use task::{Ending, run, spawn};
pub use tasks::{answered, wake};

use innkeeper_plugin::bindings::Ticket;
use innkeeper_plugin::bindings::innkeeper::plugin::types::Failure;

/// Waits for the answer to a question, and takes it.
///
/// # Errors
/// If the host refused the question, or the answer is a failure.
pub async fn ask<T>(ticket: Result<Ticket, Failure>, take: impl FnOnce(Ticket) -> Result<T, Failure>) -> Result<T, Failure> {
    let ticket = ticket?;
    answered(ticket).await;
    take(ticket)
}
