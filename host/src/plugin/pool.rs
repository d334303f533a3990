//! Instances of one generation, kept ready between calls: one call at a time in each.
//!
//! An instance leaves the pool for one call and comes back only if that call ended cleanly. A trap, a missed deadline or a
//! dropped future leaves its memory in an unknown state, so it is dropped and the next call makes a new one.
//!
//! Memory goes back after a peak: what is idle for long is dropped, and an instance that has grown serves last and is dropped soon.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::contract::LinkedComponent;
use super::host::GenerationContext;
use super::instance::Instance;
use super::permits::{Permit, Permits};
use super::runner::InstanceFigures;
use super::running::Running;

/// How often idle instances are looked at. Their time is counted in looks: then no call reads a clock for it.
const LOOK: Duration = Duration::from_secs(1);
/// How many looks an instance that serves no call is kept for.
const IDLE_LOOKS: u64 = 30;
/// The same for an instance that has grown.
const LARGE_IDLE_LOOKS: u64 = 1;

/// The instances of one generation.
pub(super) struct InstancePool<C: LinkedComponent> {
    component: Arc<C>,
    context: Arc<GenerationContext>,
    /// One for each instance that may be.
    permits: Arc<Permits>,
    /// Never held over an await, nor while an instance is dropped.
    idle: Mutex<Idle<C>>,
    /// The first instance has become idle, or the pool is gone.
    changed: Arc<Notify>,
}

/// Idle instances, the most recently used last.
struct Idle<C: LinkedComponent> {
    looks: u64,
    small: Vec<Instance<C>>,
    large: Vec<Instance<C>>,
}

impl<C: LinkedComponent> InstancePool<C> {
    pub(super) fn new(component: Arc<C>, context: Arc<GenerationContext>) -> Self {
        let limits = &context.config.limits;
        let permits = Permits::new(limits.instances_max, limits.waiting_max);
        let idle = Mutex::new(Idle { looks: 0, small: Vec::new(), large: Vec::new() });
        Self { component, context, permits, idle, changed: Arc::default() }
    }

    /// The running time of a call that begins now.
    pub(super) fn running(&self, now: Instant) -> Arc<Running> {
        let clock = self.component.engine().clock().clone();
        Arc::new(Running::new(clock, self.context.config.limits.run_deadline, now.into_std()))
    }

    /// What `/metrics` shows of the instances.
    pub(super) fn figures(&self) -> InstanceFigures {
        let limits = &self.context.config.limits;
        let (may_run, may_wait, queued) = self.permits.free_and_queued();
        let idle = self.idle();
        InstanceFigures {
            running: limits.instances_max.saturating_sub(may_run),
            waiting: limits.waiting_max.saturating_sub(may_wait),
            idle: idle.small.len() + idle.large.len(),
            queued,
        }
    }

    /// The right to have one instance, and when it was got: `now`, if one was free. None if all were in use until `ends_at`.
    pub(super) async fn permit(&self, now: Instant, ends_at: Instant) -> Option<(Permit, Instant)> {
        if let Some(permit) = self.permits.try_run() {
            return Some((permit, now));
        }
        let permit = timeout_at(ends_at, self.permits.run()).await.ok()?;
        Some((permit, Instant::now()))
    }

    /// An idle instance, if there is one. The caller holds a permit.
    pub(super) fn take(&self) -> Option<Instance<C>> {
        self.idle().take()
    }

    /// A new instance. The caller holds a permit, and none was idle.
    pub(super) async fn make(&self, running: &Arc<Running>) -> wasmtime::Result<Instance<C>> {
        Instance::new(&*self.component, &self.context, running).await
    }

    /// Keeps an instance for the next call.
    pub(super) fn release(&self, mut instance: Instance<C>) {
        let is_first = {
            let mut idle = self.idle();
            let is_first = idle.is_empty();
            instance.idle_since = idle.looks;
            if instance.is_large() {
                idle.large.push(instance)
            } else {
                idle.small.push(instance)
            };
            is_first
        };
        if is_first {
            self.changed.notify_one();
        }
    }

    /// Drops instances that were idle for long. Returns whether others are left.
    async fn trim(&self) -> bool {
        let mut count = 0;
        self.idle().looks += 1;
        loop {
            let stale = self.idle().take_stale();
            let Some(stale) = stale else { break };
            // One at a time, so that never more of them exist than may be.
            let (dropped, is_dropped) = oneshot::channel::<()>();
            self.context.plugin.threads.drop_there((stale.into_memory(), dropped));
            let _sender_is_dropped = is_dropped.await;
            count += 1;
        }
        if count > 0 {
            tracing::debug!(plugin = &*self.context.label, instances = count, "idle instances were dropped");
        }
        !self.idle().is_empty()
    }

    fn idle(&self) -> MutexGuard<'_, Idle<C>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: LinkedComponent> Drop for InstancePool<C> {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl<C: LinkedComponent> Idle<C> {
    fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty()
    }

    /// The most recently used, and one that has grown only if there is no other.
    fn take(&mut self) -> Option<Instance<C>> {
        self.small.pop().or_else(|| self.large.pop())
    }

    /// One that was idle for too long. The most recently used serves first, so the longest idle stand in front.
    fn take_stale(&mut self) -> Option<Instance<C>> {
        for (list, looks) in [(&mut self.small, IDLE_LOOKS), (&mut self.large, LARGE_IDLE_LOOKS)] {
            if list.first().is_some_and(|longest| self.looks - longest.idle_since > looks) {
                return Some(list.remove(0));
            }
        }
        None
    }
}

/// Trims a pool from time to time, as long as it has idle instances, until the pool is gone.
pub(super) fn spawn_trimming<C: LinkedComponent>(pool: &Arc<InstancePool<C>>) {
    let (changed, pool) = (pool.changed.clone(), Arc::downgrade(pool));
    tokio::spawn(async move {
        loop {
            changed.notified().await;
            loop {
                sleep(LOOK).await;
                let Some(pool) = pool.upgrade() else { return };
                if !pool.trim().await {
                    break;
                }
            }
        }
    });
}
