//! Instances of one generation, kept ready between calls: one call at a time in each.
//!
//! An instance leaves the pool for one call and comes back only if that call ended cleanly. A trap, a missed deadline or a
//! dropped future leaves its memory in an unknown state, so it is dropped and the next call makes a new one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::contract::LinkedComponent;
use super::host::GenerationContext;
use super::instance::Instance;

/// How long an instance that serves no call is kept.
const IDLE_LIFETIME: Duration = Duration::from_secs(30);

/// The instances of one generation.
pub(super) struct InstancePool<C: LinkedComponent> {
    component: C,
    context: Arc<GenerationContext>,
    /// One permit for each instance that may be.
    permits: Semaphore,
    /// Most recently used last. Never held over an await.
    idle: Mutex<Vec<Instance<C>>>,
}

impl<C: LinkedComponent> InstancePool<C> {
    pub(super) fn new(component: C, context: Arc<GenerationContext>) -> Self {
        let permits = Semaphore::new(context.plugin.config.limits.instances_max);
        Self { component, context, permits, idle: Mutex::default() }
    }

    /// The right to have one instance. None if all were in use until `ends_at`.
    pub(super) async fn permit(&self, ends_at: Instant) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Some(permit);
        }
        timeout_at(ends_at, self.permits.acquire()).await.ok()?.ok()
    }

    /// An instance. The caller holds a permit.
    pub(super) async fn acquire(&self) -> wasmtime::Result<Instance<C>> {
        let idle = self.idle().pop();
        match idle {
            Some(instance) => Ok(instance),
            None => Instance::new(&self.component, &self.context).await,
        }
    }

    /// Keeps an instance for the next call.
    pub(super) fn release(&self, mut instance: Instance<C>) {
        instance.idle_since = Instant::now();
        self.idle().push(instance);
    }

    /// Drops instances that were idle for long. The most recently used serves first, so the longest idle stand in front.
    fn trim(&self) {
        let now = Instant::now();
        let stale: Vec<_> = {
            let mut idle = self.idle();
            let fresh_from = idle.partition_point(|instance| now.duration_since(instance.idle_since) > IDLE_LIFETIME);
            idle.drain(..fresh_from).collect()
        };
        if !stale.is_empty() {
            tracing::debug!(plugin = &*self.context.label, instances = stale.len(), "idle instances were dropped");
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Trims a pool from time to time, until the pool is gone.
pub(super) fn spawn_trimming<C: LinkedComponent>(pool: &Arc<InstancePool<C>>) {
    let pool = Arc::downgrade(pool);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(IDLE_LIFETIME).await;
            let Some(pool) = pool.upgrade() else { break };
            pool.trim();
        }
    });
}
