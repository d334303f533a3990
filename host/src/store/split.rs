//! A store of two places: some buckets are in memory, all others in the file.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::api::{Entry, Store, StoreFuture};
use super::memory::Memory;

/// Sends each operation to the store that has its bucket.
pub(super) struct Split {
    /// The buckets in memory.
    pub(super) names: BTreeSet<String>,
    pub(super) memory: Arc<Memory>,
    pub(super) file: Arc<dyn Store>,
}

impl Split {
    fn store(&self, bucket: &str) -> &dyn Store {
        if self.names.contains(bucket) { &*self.memory } else { &*self.file }
    }
}

impl Store for Split {
    fn get(&self, bucket: &str, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        self.store(bucket).get(bucket, key)
    }

    fn set(&self, bucket: &str, key: &str, value: Vec<u8>, ttl: Option<Duration>) -> StoreFuture<bool> {
        self.store(bucket).set(bucket, key, value, ttl)
    }

    fn delete(&self, bucket: &str, key: &str) -> StoreFuture<bool> {
        self.store(bucket).delete(bucket, key)
    }

    fn increment(&self, bucket: &str, key: &str, by: i64) -> StoreFuture<i64> {
        self.store(bucket).increment(bucket, key, by)
    }

    fn compare_and_swap(&self, bucket: &str, key: &str, expected: Option<Vec<u8>>, value: Option<Vec<u8>>) -> StoreFuture<bool> {
        self.store(bucket).compare_and_swap(bucket, key, expected, value)
    }

    fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> StoreFuture<Vec<Entry>> {
        self.store(bucket).scan(bucket, prefix, after, limit)
    }
}
