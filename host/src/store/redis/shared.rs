//! What the stores of all plugins on one Redis have in common.

use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::Value;

use super::answers::failed;
use super::buckets::Buckets;
use super::eviction::EvictionWatch;
use super::scripts;
use crate::redis_link::{Commands, Question, Script};
use crate::store::api::StoreFuture;
#[cfg(test)]
use crate::store::clock::Clock;
use crate::store::embedded::usage::ENTRY_BYTES;

/// What has expired is absent at once; this is how long it takes up room where nothing is written.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Entries that one script removes.
const SWEEP_ENTRIES: i64 = 1_000;

/// What the stores of all plugins have in common.
pub(super) struct Shared {
    pub(super) commands: Arc<Commands>,
    /// What the keys in Redis begin with.
    pub(super) key: String,
    pub(super) bucket_bytes: usize,
    pub(super) buckets: Buckets,
    /// The time of a test. Else Redis has the time.
    #[cfg(test)]
    pub(super) clock: Option<Clock>,
}

impl Shared {
    /// Asks at once. `held` is given back with the answer.
    pub(super) fn ask(
        &self,
        script: &'static Script,
        bucket: &str,
        arguments: Vec<Vec<u8>>,
        held: impl Send + 'static,
    ) -> StoreFuture<Value> {
        let mut all = vec![self.now(), (bucket.len() + ENTRY_BYTES).to_string().into_bytes()];
        all.extend(arguments);
        let question = Question::Script { script, keys: scripts::keys(&self.key, bucket), arguments: all };
        let asked = self.commands.ask(question, held);
        Box::pin(async move { asked.await.map_err(|error| failed(&error)) })
    }

    /// Empty where Redis has the time.
    fn now(&self) -> Vec<u8> {
        #[cfg(test)]
        if let Some(clock) = &self.clock {
            return clock().to_string().into_bytes();
        }
        Vec::new()
    }

    /// One script for each bucket with entries that expire. Many that have expired take several rounds.
    pub(super) async fn sweep_once(&self) {
        for bucket in self.buckets.take_expiring() {
            let most = SWEEP_ENTRIES.to_string().into_bytes();
            let left = self.ask(&scripts::SWEEP, &bucket, vec![most], ()).await;
            // Where Redis is away it is tried again.
            if !matches!(left, Ok(Value::Int(0))) {
                self.buckets.still_expiring(bucket);
            }
        }
    }
}

/// Removes what has expired, now and then, until the store is gone.
pub(super) async fn sweep(store: Weak<Shared>) {
    let mut eviction = EvictionWatch::default();
    loop {
        let Some(commands) = store.upgrade().map(|store| store.commands.clone()) else { return };
        eviction.look(&commands).await;
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(store) = store.upgrade() else { return };
        store.sweep_once().await;
    }
}
