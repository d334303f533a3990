//! Which generation of each plugin serves.
//!
//! One task owns all loading and swapping: the watcher of files, the admin interface and SIGHUP send it what they want changed, and it
//! does one thing after the other. A change has happened whole when it is answered, or it has not happened, and the answer says why.

mod change;
mod changes;
mod differences;
mod handle;
mod keeping;
mod keeping_queue;
mod looks;
mod probation;
mod reload;
mod served_plugin;
mod shelf;
mod takeover;
mod task;
mod view;
mod watch;

pub(crate) use change::{Change, NewComponent, Refusal, Reread, What};
pub(crate) use handle::Generations;
pub(crate) use shelf::Shelf;
pub(crate) use task::{GenerationsTask, Parts};
pub(crate) use view::PluginView;
pub(crate) use watch::watch;
