//! The part of a plugin that outlives its generations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::call_metrics::CallMetrics;
use super::engine::WasmEngines;
use super::failure_log::FailureLog;
use super::guest_log::GuestLog;
use super::guest_run::PluginThreads;
use super::log_ration::LogRation;
use super::runner::{Figures, InstanceFigures};
use super::server_event_queue::ServerEventQueue;
use super::services::HostServices;
use super::timers::PluginTimers;
use crate::budget::Budget;
use crate::config::Limits;
use crate::limit_hits::LimitHits;
use crate::log_limiter::LogLimiter;
use crate::rate_limit::RateLimitTable;

/// A plugin of the configuration. Its generations borrow it: timers, rate limits, counters and the bounds of its log go on when
/// another generation takes over.
pub(crate) struct Plugin {
    pub(super) name: Arc<str>,
    pub(super) engines: Arc<WasmEngines>,
    pub(super) threads: Arc<PluginThreads>,
    pub(super) services: Arc<HostServices>,
    pub(super) timers: Arc<PluginTimers>,
    pub(super) server_events: Arc<ServerEventQueue>,
    pub(super) rate_limits: RateLimitTable,
    /// Questions about limits that Redis has not answered hold it: a call that has ended leaves them behind.
    pub(super) rate_limit_questions: Arc<()>,
    /// Says that the table is full.
    pub(super) rate_limit_log: LogLimiter,
    /// What guests write and print.
    pub(super) log: GuestLog,
    /// What the host writes about failed calls.
    pub(super) failures: FailureLog,
    /// What the host holds for the calls of this plugin.
    pub(super) held: Arc<Budget>,
    /// The bounds that calls of this plugin hit.
    pub(super) limit_hits: Arc<LimitHits>,
    generations: AtomicU64,
    calls: AtomicU64,
}

impl Plugin {
    /// A plugin without a generation: [`register`](super::register) makes the first.
    pub(crate) fn new(name: &str, limits: &Limits, engines: Arc<WasmEngines>, services: Arc<HostServices>) -> Self {
        let name: Arc<str> = name.into();
        let (ration, limit_hits) = (Arc::new(LogRation::new(limits.log_bytes_per_day_max)), Arc::<LimitHits>::default());
        Self {
            timers: Arc::new(PluginTimers::new(name.clone(), limit_hits.clone())),
            server_events: Arc::new(ServerEventQueue::new(name.clone(), limit_hits.clone())),
            threads: engines.threads_of(&name),
            engines,
            services,
            rate_limits: RateLimitTable::new(limits.rate_limit_keys_max),
            rate_limit_questions: Arc::default(),
            rate_limit_log: LogLimiter::new(1),
            log: GuestLog::new(ration.clone(), limit_hits.clone()),
            failures: FailureLog::new(ration, limit_hits.clone()),
            held: Budget::new(limits.plugin_bytes_max),
            limit_hits,
            name,
            generations: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    /// What `/metrics` shows of the plugin.
    pub(super) fn figures<'a>(&'a self, calls: &'a CallMetrics, instances: InstanceFigures) -> Figures<'a> {
        Figures {
            calls,
            limit_hits: &self.limit_hits,
            timers: self.timers.len(),
            instances,
            run_time: self.threads.run_time(),
            share_used: self.threads.share_used(),
            guest_thread_moves: self.threads.moved(),
            guest_thread_queue: self.threads.waiting(),
            rate_limit_keys: self.rate_limits.keys(),
            held_bytes: self.held.used(),
        }
    }

    /// The number of a new generation. The first has the number 1. One task makes generations.
    pub(super) fn next_generation(&self) -> u64 {
        self.generations.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Drops all timers.
    pub(crate) fn clear_timers(&self) -> usize {
        self.timers.clear()
    }

    /// How many generations there have been.
    pub(crate) fn generations(&self) -> u64 {
        self.generations.load(Ordering::Relaxed)
    }

    /// A plugin that is loaded again: its generations are numbered after those that there have been.
    pub(crate) fn number_after(&self, generations: u64) {
        self.generations.store(generations, Ordering::Relaxed);
    }

    /// `plugin@generation` of the generation that is made next.
    pub(super) fn next_label(&self) -> Arc<str> {
        self.label(self.generations() + 1)
    }

    /// `plugin@generation`, for the log.
    pub(super) fn label(&self, generation: u64) -> Arc<str> {
        format!("{}@{generation}", self.name).into()
    }

    /// Names a call, for `settle`. Relaxed, because each number only has to differ from the numbers before it.
    pub(super) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }
}
