//! The workshop: plugins, their instances, and the calls into them. Wasm is known here and nowhere else.
//!
//! Everybody else sees a [`Runner`]: something that takes a [`Call`] and says how it [`CallOutcome`]. Whether an instance serves one
//! call at a time or many is the runner's own affair.

mod bindings;
mod capability;
mod engine;
mod error;
mod failure_log;
mod host;
mod instance;
mod loader;
mod log_limiter;
mod pool;
mod registration;
mod registry;
mod timers;
mod validate;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

pub(crate) use engine::WasmEngine;
pub(crate) use error::PluginError;
pub(crate) use loader::{HostServices, load};
pub(crate) use registration::Hook;
#[cfg(test)]
pub(crate) use registration::NamespaceRegistration;
pub(crate) use registry::{Chain, Registry};
pub(crate) use timers::PluginTimers;
pub(crate) use validate::is_reserved;

use crate::adapter::Socket;
use crate::effect::Effects;
use crate::json::Payload;

/// Something that runs calls: one generation of a plugin.
pub(crate) trait Runner: Send + Sync {
    /// The name that the operator gave the plugin: the same for all its generations.
    fn name(&self) -> &Arc<str>;

    /// Runs a call. What it wrote has left when the future is ready, or never will.
    fn call(self: Arc<Self>, call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>>;

    /// The longest that a call may take, waiting included.
    fn call_limit(&self) -> Duration;

    /// The timers that it set.
    fn timers(&self) -> Option<&Arc<PluginTimers>> {
        None
    }

    /// Whether it wants to be called before anything else is.
    fn has_start(&self) -> bool {
        false
    }
}

/// One export into one export of one plugin, for one thing.
pub(crate) struct Call {
    pub(crate) export: Export,
    /// None for what concerns no socket: the plugin's start, a timer of its own.
    pub(crate) socket: Option<Arc<Socket>>,
    /// Where its writes and questions go.
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) progress: Arc<Progress>,
}

/// The export that is entered, and what it is told besides the socket.
#[derive(Clone)]
pub(crate) enum Export {
    ConnectMiddleware,
    Connection { kind: &'static str },
    EventMiddleware(Arc<Event>),
    Event(Arc<Event>),
    Disconnecting { reason: &'static str },
    Disconnect { reason: &'static str },
    Start,
    Timer(Arc<TimerCall>),
}

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimerCall {
    pub(crate) name: Box<str>,
    pub(crate) data: Box<str>,
}

/// An event of a client, or what middleware made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) payload: Payload,
    /// The id under which the client awaits an ack.
    pub(crate) ack: Option<u64>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// Well: its writes have left, the ack that it returned last.
    Done,
    /// Middleware lets another event through instead.
    Rewritten { name: String, payload: Payload },
    /// Middleware refuses; its writes have left.
    Rejected(Failure),
    /// The plugin said no, or broke: its writes are dropped.
    Failed { failure: Failure, broke: bool },
}

/// What the client is told. What only the log may hold is not in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    /// JSON.
    pub(crate) data: Option<String>,
}

/// The code that stands for a failure to which its author gave none.
pub(crate) const INTERNAL_ERROR: &str = "INTERNAL_ERROR";

impl Failure {
    /// What a client hears when a plugin broke.
    pub(crate) fn neutral() -> Self {
        Self::new(INTERNAL_ERROR, "internal error")
    }

    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { code: code.into(), message: message.into(), data: None }
    }
}

/// What an open call is doing, for the queue that decides whether to go on. Written by the call, read by the connection's
/// task that polls it, so no order beyond the flag itself is needed.
#[derive(Debug, Default)]
pub(crate) struct Progress(AtomicU8);

const RUNS: u8 = 0;
const AWAITS_CLIENTS: u8 = 1;

impl Progress {
    /// It waits for acks of clients, which may depend on the events behind it.
    pub(crate) fn set_awaits_clients(&self, awaits: bool) {
        self.0.store(if awaits { AWAITS_CLIENTS } else { RUNS }, Ordering::Relaxed);
    }

    pub(crate) fn awaits_clients(&self) -> bool {
        self.0.load(Ordering::Relaxed) == AWAITS_CLIENTS
    }
}
