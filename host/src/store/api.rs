//! What every kind of store does.
//!
//! An operation begins when it is called; the future that comes back only receives the answer, and dropping it takes nothing back.
//! Writes happen in the order asked. A read shows what was answered before the read was asked; beside a write that is still open it
//! may see either side of it.

use std::pin::Pin;
use std::time::Duration;

use super::error::StoreError;

/// The answer of an operation.
pub(crate) type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// One pair of a bucket.
pub(crate) type Entry = (String, Vec<u8>);

/// Keys and values in buckets. What has expired is absent everywhere.
pub(crate) trait Store: Send + Sync {
    fn get(&self, bucket: &str, key: &str) -> StoreFuture<Option<Vec<u8>>>;

    /// Writes a value, for good or for so long. Answers `true`.
    fn set(&self, bucket: &str, key: &str, value: Vec<u8>, ttl: Option<Duration>) -> StoreFuture<bool>;

    /// Answers whether there was a value.
    fn delete(&self, bucket: &str, key: &str) -> StoreFuture<bool>;

    /// Adds to a number in decimal digits, from 0 if there is none. A time to live goes on.
    fn increment(&self, bucket: &str, key: &str, by: i64) -> StoreFuture<i64>;

    /// Writes (`None`: deletes) if the present value is `expected` (`None`: if there is none); answers whether it was. A time to
    /// live goes on.
    fn compare_and_swap(&self, bucket: &str, key: &str, expected: Option<Vec<u8>>, value: Option<Vec<u8>>) -> StoreFuture<bool>;

    /// The entries behind `after` whose keys begin with `prefix`, in the order of their bytes.
    fn scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> StoreFuture<Vec<Entry>>;
}
