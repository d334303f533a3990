//! A plugin as the rest of the host sees it: it has a name and runs calls.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, CallOutcome};
use super::call_metrics::CallMetrics;
use super::server_event_queue::ServerEventQueue;
use super::timers::PluginTimers;
use crate::adapter::Socket;
use crate::effect::Effects;
use crate::limit_hits::LimitHits;

/// What a generation answers to the one that takes over from it; or why it does not.
pub(crate) type HandedOver<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;

/// Ready when something has been done.
pub(crate) type Done = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A generation of a plugin, as its callers see it. Whether an instance serves one call at a time or many, and which version of
/// the contract it speaks, is the generation's own matter.
///
/// Its life: `warm`, `restore`, then it is in the registry and is started; at its end `stop`, `snapshot`, then another one is in the
/// registry and gets what still comes here (`forward`), or nothing has come of that and it goes on (`go_on`).
pub(crate) trait Runner: Send + Sync {
    /// The name in the configuration: the same for all generations of the plugin.
    fn name(&self) -> &Arc<str>;

    /// Runs a call. When the future is ready, the writes of the call have been applied, or never will be.
    fn call(self: Arc<Self>, call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>>;

    /// Makes an instance, or all that a `shared` plugin has, so that the first call need not. `effects` is where the writes go of what
    /// no dispatch has asked for.
    fn warm(self: Arc<Self>, _effects: Arc<dyn Effects>) -> HandedOver<()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Calls the export `start`, if the plugin has it, with this kind. A `shared` generation begins no call before.
    fn start(self: Arc<Self>, _effects: Arc<dyn Effects>, _kind: &'static str) -> Done {
        Box::pin(std::future::ready(()))
    }

    /// Begins no further call. Ready when those that are open have ended, or when they have failed after this time. A `pooled` generation
    /// need not stop: each of its calls ends where it began.
    fn stop(self: Arc<Self>, _grace: Duration) -> Done {
        Box::pin(std::future::ready(()))
    }

    /// The stop is over, and nothing has come of it.
    fn go_on(&self) {}

    /// The generation does not serve any more: what waits here and what still comes is run as the registry has it now.
    fn forward(&self, _successors: Arc<dyn Successors>) {}

    /// The same, but that it still runs `disconnecting` and `disconnect` on namespaces that are closing, until `forward` is called: no
    /// other generation serves there.
    fn forward_most(&self, _successors: Arc<dyn Successors>) {}

    /// How many instances hand something over, one by one.
    fn instances(&self) -> usize {
        0
    }

    /// What the instance of this number of a `shared` plugin hands to the next generation; none if it has nothing to hand over.
    fn snapshot(self: Arc<Self>, _instance: usize) -> HandedOver<Option<String>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Gives such an instance what one of the generation before has handed over.
    fn restore(self: Arc<Self>, _instance: usize, _state: String) -> HandedOver<()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The longest that a call may take, waiting included.
    fn call_limit(&self) -> Duration;

    /// What `/metrics` shows of the plugin.
    fn figures(&self) -> Option<Figures<'_>> {
        None
    }

    /// The events of other nodes that wait for the plugin.
    fn server_events(&self) -> Option<&Arc<ServerEventQueue>> {
        None
    }

    /// The timers of the plugin.
    fn timers(&self) -> Option<&Arc<PluginTimers>> {
        None
    }
}

/// Runs calls of a plugin that came to a generation which does not serve any more.
pub(crate) trait Successors: Send + Sync {
    /// Runs the call as the plugin serves now; where it does not handle that any more, nothing happens.
    fn run(&self, plugin: &str, call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>>;

    /// Whether no plugin serves the namespace of this socket any more.
    fn is_closing(&self, socket: &Socket) -> bool;
}

/// What `/metrics` shows of a plugin.
pub(crate) struct Figures<'a> {
    /// Of the generation.
    pub(crate) calls: &'a CallMetrics,
    pub(crate) limit_hits: &'a LimitHits,
    pub(crate) instances: InstanceFigures,
    /// How long calls ran, on all threads.
    pub(crate) run_time: Duration,
    /// Seconds of each second that the plugin ran lately.
    pub(crate) share_used: f64,
    /// Calls that moved to the guest threads.
    pub(crate) guest_thread_moves: u64,
    /// Calls that wait for a guest thread.
    pub(crate) guest_thread_queue: usize,
    /// Timers that are set.
    pub(crate) timers: usize,
    /// Keys of rate limits whose windows are open.
    pub(crate) rate_limit_keys: usize,
    /// Bytes that the host holds for its calls.
    pub(crate) held_bytes: usize,
}

/// The instances of a generation, and the calls that have none.
pub(crate) struct InstanceFigures {
    pub(crate) running: usize,
    pub(crate) waiting: usize,
    pub(crate) idle: usize,
    /// Calls that stand in line for an instance.
    pub(crate) queued: usize,
}
