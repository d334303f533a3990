//! Plugins: their generations, the instances of those, and the calls into them. WebAssembly occurs here and nowhere else.
//!
//! The rest of the host sees a [`Runner`], which takes a [`Call`] and returns a [`CallOutcome`].

mod applying;
mod bindings;
mod blocking;
mod call;
mod call_limits;
mod call_metrics;
mod calls;
mod capability;
mod chain;
mod clock;
mod closing;
mod compiler;
mod component_file;
mod contract;
mod durable;
mod engine;
mod error;
mod failure;
mod failure_log;
mod generation;
mod guest_log;
mod guest_run;
mod guest_threads;
mod host;
mod instance;
mod loader;
mod log_ration;
mod manifest;
mod memory;
mod open_call;
mod outcome;
mod parts;
mod pattern;
mod patterns;
mod permits;
mod pool;
mod progress;
mod registration;
mod registry;
mod report;
mod runner;
mod running;
mod served;
mod server_event_queue;
mod services;
mod share;
mod shared;
mod sharing;
mod successor;
mod timer_table;
mod timers;
pub(crate) mod validate;
mod version;

#[cfg(test)]
pub(crate) use call::FailureKind;
pub(crate) use call::{Call, CallOutcome, Disconnection, Event, Export, ServerEventCall, TimerCall};
pub(crate) use calls::{Calls, as_f64};
pub(crate) use chain::{Chain, Member};
pub(crate) use compiler::{CacheFolder, CompileLimits, Compiler, compile_component};
pub(crate) use component_file::{digest, digest_of, read_component};
pub(crate) use durable::Plugin;
pub(crate) use engine::{MemoryLayout, WasmEngines};
pub(crate) use error::{EngineError, LoadProblem, PluginError};
pub(crate) use failure::Failure;
pub(crate) use loader::register;
pub(crate) use parts::incomplete;
pub(crate) use progress::Progress;
pub(crate) use registration::{Hook, NamespaceRegistration, Registration};
#[cfg(test)]
pub(crate) use registration::{Mode, Subscription};
pub(crate) use registry::Registry;
#[cfg_attr(not(test), expect(unused_imports, reason = "the task that swaps plugins reads it"))]
pub(crate) use registry::Replaced;
pub(crate) use runner::Figures;
pub(crate) use runner::Runner;
pub(crate) use server_event_queue::ServerEventQueue;
pub(crate) use services::HostServices;
pub(crate) use timers::PluginTimers;
pub(crate) use version::{Candidate, Loaded, Version};
