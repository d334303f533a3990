//! The store on Redis: one for all nodes, as durable as that Redis is.
//!
//! A bucket is four keys with one hash tag (`scripts`), and each operation one script: a single round trip, and all of it or nothing.
//! Operations are sent in the order asked (`redis_link`). The bytes of a bucket are counted beside its entries; what all buckets have
//! together nobody counts, since they may be on different servers, so a plugin's bound is one for each of its buckets.

mod answers;
mod buckets;
mod eviction;
mod scripts;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use innkeeper_contract::limits::SCAN_BYTES_MAX;
use redis::Value;

use super::api::{Entry, Store, StoreFuture};
use super::error::StoreError;
use super::in_flight::InFlight;
use super::operation::{Operation, WriteResult};
use super::rules::{self, ScanAnswer};
use crate::redis_link::{Commands, Script};
use answers::{ScanPage, scanned, value_of, written};
use buckets::Buckets;
use shared::Shared;

/// Keys that one script of a scan looks at: while it runs, Redis does nothing else.
const SCAN_LOOKS: usize = 5_000;

/// The store, as one plugin uses it.
pub(crate) struct RedisStore {
    shared: Arc<Shared>,
    in_flight: Arc<InFlight>,
    /// Bytes of each bucket, for this plugin.
    plugin_bytes: usize,
}

impl RedisStore {
    /// The store whose keys begin with `key`, with a bound for each bucket. Has to be called on a runtime, with which its sweeps end.
    pub(crate) fn new(commands: Arc<Commands>, key: &str, bucket_bytes: usize) -> Self {
        Self::of(Shared {
            commands,
            key: key.to_owned(),
            bucket_bytes,
            buckets: Buckets::default(),
            #[cfg(test)]
            clock: None,
        })
    }

    #[cfg(test)]
    pub(crate) fn with_clock(
        commands: Arc<Commands>,
        key: &str,
        bucket_bytes: usize,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let (key, buckets) = (key.to_owned(), Buckets::default());
        Self::of(Shared { commands, key, bucket_bytes, buckets, clock: Some(Arc::new(clock)) })
    }

    fn of(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        // Ends with the store.
        tokio::spawn(shared::sweep(Arc::downgrade(&shared)));
        Self { shared, in_flight: Arc::default(), plugin_bytes: usize::MAX }
    }

    /// The same store for a plugin, with bounds of its own.
    pub(super) fn for_plugin(&self, bytes: usize) -> Self {
        Self { shared: self.shared.clone(), in_flight: Arc::default(), plugin_bytes: bytes }
    }

    fn write(&self, bucket: &str, key: &str, operation: &Operation) -> StoreFuture<WriteResult> {
        let asked = rules::check_names(bucket, key)
            .and_then(|()| operation.check())
            .and_then(|()| self.shared.buckets.note(bucket, matches!(operation, Operation::Set { ttl: Some(_), .. })))
            .and_then(|()| {
                let mut arguments =
                    vec![self.shared.bucket_bytes.to_string().into_bytes(), self.plugin_bytes.to_string().into_bytes()];
                arguments.extend(scripts::arguments(operation, key));
                let bytes = bucket.len() + key.len() + operation.bytes();
                self.ask(&scripts::WRITE, bucket, arguments, bytes)
            });
        let (bucket_bytes, plugin_bytes) = (self.shared.bucket_bytes, self.plugin_bytes);
        Box::pin(async move { written(asked?.await?, bucket_bytes, plugin_bytes) })
    }

    fn done(&self, bucket: &str, key: &str, operation: &Operation) -> StoreFuture<bool> {
        let written = self.write(bucket, key, operation);
        Box::pin(async move { written.await.map(|written| matches!(written, WriteResult::Done(true))) })
    }

    /// Asks at once. `bytes` wait until there is an answer.
    fn ask(
        &self,
        script: &'static Script,
        bucket: &str,
        arguments: Vec<Vec<u8>>,
        bytes: usize,
    ) -> Result<StoreFuture<Value>, StoreError> {
        let permit = InFlight::take(&self.in_flight, bytes)?;
        Ok(self.shared.ask(script, bucket, arguments, permit))
    }

    fn scan_page(&self, bucket: &str, range: (Vec<u8>, Vec<u8>), limit: usize) -> Result<StoreFuture<Value>, StoreError> {
        let numbers = [limit, SCAN_BYTES_MAX, SCAN_LOOKS].map(|number| number.to_string().into_bytes());
        let arguments = [range.0, range.1].into_iter().chain(numbers).collect();
        self.ask(&scripts::SCAN, bucket, arguments, 0)
    }

    fn another(&self) -> Self {
        Self { shared: self.shared.clone(), in_flight: self.in_flight.clone(), plugin_bytes: self.plugin_bytes }
    }
}

impl Store for RedisStore {
    fn get(&self, bucket: &str, key: &str) -> StoreFuture<Option<Vec<u8>>> {
        let checked = rules::check_names(bucket, key);
        let asked = checked.and_then(|()| self.ask(&scripts::GET, bucket, vec![key.into()], 0));
        Box::pin(async move { value_of(asked?.await?) })
    }

    fn set(&self, bucket: &str, key: &str, value: Vec<u8>, ttl: Option<Duration>) -> StoreFuture<bool> {
        self.done(bucket, key, &Operation::Set { value, ttl })
    }

    fn delete(&self, bucket: &str, key: &str) -> StoreFuture<bool> {
        self.done(bucket, key, &Operation::Delete)
    }

    fn increment(&self, bucket: &str, key: &str, by: i64) -> StoreFuture<i64> {
        let written = self.write(bucket, key, &Operation::Increment { by });
        Box::pin(async move {
            match written.await? {
                WriteResult::Number(number) => Ok(number),
                WriteResult::Done(_) => Err(StoreError::Unavailable),
            }
        })
    }

    fn compare_and_swap(&self, bucket: &str, key: &str, expected: Option<Vec<u8>>, value: Option<Vec<u8>>) -> StoreFuture<bool> {
        self.done(bucket, key, &Operation::Swap { expected, value })
    }

    fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> StoreFuture<Vec<Entry>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let first = rules::check_scan(bucket, prefix, after, u32::try_from(limit).unwrap_or(u32::MAX))
            .and_then(|()| self.scan_page(bucket, scripts::range(prefix, after), limit));
        let (store, bucket, prefix) = (self.another(), bucket.to_owned(), prefix.to_owned());
        Box::pin(async move {
            let (mut page, mut answer) = (first?, ScanAnswer::default());
            loop {
                let ScanPage { entries, next } = scanned(page.await?)?;
                for (key, value) in entries {
                    answer.push(&key, &value)?;
                }
                // Among many that have expired: on behind those that were looked at.
                let Some(next) = next else { return Ok(answer.entries) };
                page = store.scan_page(&bucket, scripts::range(&prefix, Some(&next)), limit - answer.entries.len())?;
            }
        })
    }
}

#[cfg(test)]
mod tests;
