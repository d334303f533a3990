//! Buckets that are kept in memory alone: no disk is waited for, and a restart begins with none of it.
//!
//! Expired entries are removed by later writes, so that nothing has to run for it; all entries together are bounded in bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::api::{Entry, Store, StoreFuture};
use super::clock::{Clock, is_alive};
use super::error::StoreError;
use super::operation::{Operation, Rows, WriteResult};
use super::rules;

/// Expired entries that one write removes beside its own work.
const SWEEP_BATCH: usize = 100;
/// What the maps need for an entry, about.
const ENTRY_BYTES: usize = 128;

/// Keys and values in memory.
pub(crate) struct Memory {
    clock: Clock,
    bytes_max: usize,
    /// Held for one operation, which waits for nothing.
    entries: Mutex<Entries>,
}

/// By key: when it expires (0: never), and the value.
type Bucket = BTreeMap<Box<str>, (u64, Box<[u8]>)>;

#[derive(Default)]
struct Entries {
    buckets: BTreeMap<Box<str>, Bucket>,
    /// When, bucket and key of everything that expires.
    expiries: BTreeSet<(u64, Box<str>, Box<str>)>,
    bytes: usize,
}

/// The entries while one write is done.
struct Writing<'e> {
    entries: &'e mut Entries,
    now: u64,
    bytes_max: usize,
}

impl Memory {
    pub(super) fn new(bytes_max: usize, clock: Clock) -> Self {
        Self { clock, bytes_max, entries: Mutex::default() }
    }

    /// An empty one with another clock.
    #[cfg(test)]
    pub(super) fn with_clock(&self, clock: Clock) -> Self {
        Self::new(self.bytes_max, clock)
    }

    /// How many bytes there are, keys included.
    pub(super) fn bytes(&self) -> usize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    fn write(&self, bucket: &str, key: &str, operation: &Operation) -> Result<WriteResult, StoreError> {
        rules::check_names(bucket, key)?;
        operation.check()?;
        let entries = &mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)();
        entries.sweep(now, SWEEP_BATCH);
        operation.apply(&mut Writing { entries, now, bytes_max: self.bytes_max }, bucket, key)?
    }

    fn done(&self, bucket: &str, key: &str, operation: &Operation) -> StoreFuture<bool> {
        at_once(self.write(bucket, key, operation).map(|written| matches!(written, WriteResult::Done(true))))
    }

    fn read<T>(&self, read: impl FnOnce(&Entries, u64) -> Result<T, StoreError>) -> Result<T, StoreError> {
        read(&self.entries.lock().unwrap_or_else(PoisonError::into_inner), (self.clock)())
    }
}

impl Store for Memory {
    fn get(&self, bucket: &str, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        let checked = rules::check_names(bucket, key);
        at_once(checked.and_then(|()| self.read(|entries, now| Ok(entries.present(bucket, key, now).map(|(_, value)| value)))))
    }

    fn set(&self, bucket: &str, key: &str, value: Vec<u8>, ttl: Option<Duration>) -> StoreFuture<bool> {
        self.done(bucket, key, &Operation::Set { value, ttl })
    }

    fn delete(&self, bucket: &str, key: &str) -> StoreFuture<bool> {
        self.done(bucket, key, &Operation::Delete)
    }

    fn increment(&self, bucket: &str, key: &str, by: i64) -> StoreFuture<i64> {
        at_once(self.write(bucket, key, &Operation::Increment { by }).and_then(|written| match written {
            WriteResult::Number(number) => Ok(number),
            WriteResult::Done(_) => Err(StoreError::Unavailable),
        }))
    }

    fn compare_and_swap(&self, bucket: &str, key: &str, expected: Option<Vec<u8>>, value: Option<Vec<u8>>) -> StoreFuture<bool> {
        self.done(bucket, key, &Operation::Swap { expected, value })
    }

    fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> StoreFuture<Vec<Entry>> {
        let checked = rules::check_scan(bucket, prefix, after, limit);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        at_once(checked.and_then(|()| self.read(|entries, now| entries.scan(bucket, prefix, after, limit, now))))
    }
}

impl Entries {
    fn present(&self, bucket: &str, key: &str, now: u64) -> Option<(u64, Vec<u8>)> {
        let (expires, value) = self.buckets.get(bucket)?.get(key)?;
        is_alive(*expires, now).then(|| (*expires, value.to_vec()))
    }

    fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: usize, now: u64) -> Result<Vec<Entry>, StoreError> {
        let mut scanned = rules::ScanAnswer::default();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let rows = self.buckets.get(bucket).map(|rows| rows.range::<str, _>((from, Bound::Unbounded)));
        let in_prefix = rows.into_iter().flatten().take_while(|(key, _)| key.starts_with(prefix));
        for (key, (_, value)) in in_prefix.filter(|(_, (expires, _))| is_alive(*expires, now)).take(limit) {
            scanned.push(key, value)?;
        }
        Ok(scanned.entries)
    }

    /// The bytes of all other entries.
    fn bytes_beside(&self, bucket: &str, key: &str) -> usize {
        let there = self.buckets.get(bucket).and_then(|rows| rows.get(key));
        self.bytes - there.map_or(0, |(_, value)| size(bucket, key, value))
    }

    fn insert(&mut self, bucket: &str, key: &str, value: &[u8], expires: u64) {
        self.remove(bucket, key);
        self.bytes += size(bucket, key, value);
        self.buckets.entry(bucket.into()).or_default().insert(key.into(), (expires, value.into()));
        if expires != 0 {
            self.expiries.insert((expires, bucket.into(), key.into()));
        }
    }

    fn remove(&mut self, bucket: &str, key: &str) {
        let Some(rows) = self.buckets.get_mut(bucket) else { return };
        let Some((expires, value)) = rows.remove(key) else { return };
        if rows.is_empty() {
            self.buckets.remove(bucket);
        }
        self.bytes -= size(bucket, key, &value);
        if expires != 0 {
            self.expiries.remove(&(expires, bucket.into(), key.into()));
        }
    }

    /// Removes expired entries, at most so many.
    fn sweep(&mut self, now: u64, most: usize) {
        for _ in 0..most {
            match self.expiries.first() {
                Some((expires, ..)) if !is_alive(*expires, now) => {}
                _ => break,
            }
            let Some((_, bucket, key)) = self.expiries.pop_first() else { break };
            self.remove(&bucket, &key);
        }
    }
}

impl Rows for Writing<'_> {
    type Failure = StoreError;

    fn now(&self) -> u64 {
        self.now
    }

    fn present(&self, bucket: &str, key: &str) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        Ok(self.entries.present(bucket, key, self.now))
    }

    fn put(&mut self, bucket: &str, key: &str, value: Option<&[u8]>, expires: u64) -> Result<Result<(), StoreError>, StoreError> {
        let Some(value) = value else {
            self.entries.remove(bucket, key);
            return Ok(Ok(()));
        };
        let needed = size(bucket, key, value);
        if self.entries.bytes_beside(bucket, key) + needed > self.bytes_max {
            // What has expired must not stand in the way.
            self.entries.sweep(self.now, usize::MAX);
        }
        if self.entries.bytes_beside(bucket, key) + needed > self.bytes_max {
            let most = self.bytes_max;
            return Err(rules::limit(
                "memory_bytes_max",
                format!("the buckets in memory hold at most {most} bytes (memory_bytes_max in [store])"),
            ));
        }
        self.entries.insert(bucket, key, value, expires);
        Ok(Ok(()))
    }
}

fn size(bucket: &str, key: &str, value: &[u8]) -> usize {
    bucket.len() + key.len() + value.len() + ENTRY_BYTES
}

fn at_once<T: Send + 'static>(answer: Result<T, StoreError>) -> StoreFuture<T> {
    Box::pin(std::future::ready(answer))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::{ENTRY_BYTES, Memory, size};
    use crate::store::Store;

    #[tokio::test]
    async fn all_entries_together_are_bounded_and_what_has_expired_makes_room() {
        let time = Arc::new(AtomicU64::new(1_000));
        let clock = time.clone();
        let store = Memory::new(3 * size("b", "1", &[0; 100]), Arc::new(move || clock.load(Ordering::SeqCst)));
        let set = async |key: &str, bytes, ttl| store.set("b", key, vec![0; bytes], ttl).await.map_err(|error| error.to_string());
        let ttl = Some(Duration::from_millis(500));
        for key in ["1", "2", "3"] {
            set(key, 100, ttl).await.unwrap();
        }
        let refused = set("4", 0, None).await.unwrap_err();
        assert!(refused.contains("memory_bytes_max in [store]"), "{refused}");
        assert!(set("3", 101, None).await.is_err(), "a value may not grow beyond the bound either");
        set("3", 100, None).await.unwrap();
        set("3", 50, None).await.unwrap();
        assert_eq!(store.scan("b", "", None, 10).await.unwrap().len(), 3, "what was refused changed nothing");

        time.store(1_500, Ordering::SeqCst);
        set("4", 250 + ENTRY_BYTES, None).await.unwrap();
        let entries = store.entries.lock().unwrap();
        assert_eq!((entries.expiries.len(), entries.buckets["b"].len()), (0, 2));
        assert_eq!(entries.bytes, size("b", "3", &[0; 50]) + size("b", "4", &[0; 250]) + ENTRY_BYTES);
    }
}
