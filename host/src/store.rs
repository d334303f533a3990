//! The cabinet: keys and values that outlive the plugins and the host.
//!
//! An operation is at work from the moment it is asked for; the future that comes back only receives what came of it, and dropping
//! it takes nothing back. Writes happen in the order asked. A read shows what was answered before it was asked; beside a write that
//! is still open it may see either side of it.

mod embedded;
mod lazy;
mod rules;

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use innkeeper_contract::codes;

pub(crate) use embedded::Embedded;
pub(crate) use lazy::LazyStore;

/// What an operation will answer.
pub(crate) type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// One pair of a bucket.
pub(crate) type Entry = (String, Vec<u8>);

/// Keys and values in buckets. What has expired is absent everywhere.
pub(crate) trait Store: Send + Sync {
    fn get(&self, bucket: &str, key: &str) -> StoreFuture<Option<Vec<u8>>>;

    /// Writes a value, for good or for so long. Answers true.
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

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// A name, a value or a wish is too large.
    #[error("{0}")]
    Limit(String),

    /// The value that is there does not fit.
    #[error("{0}")]
    Invalid(String),

    /// Disk or file failed, and the log says how. A write that was open then has happened or has not.
    #[error("the store cannot do it now; the host's log says why")]
    Unavailable,

    /// The file cannot be opened; nothing in it was changed.
    #[error("store {}: {what}; {remedy}", path.display())]
    Open { path: PathBuf, what: String, remedy: &'static str },

    /// The seed file is not what it must be.
    #[error("seed {}: {what}", path.display())]
    Seed { path: PathBuf, what: String },
}

impl StoreError {
    /// The code that a plugin sees.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Limit(_) => codes::LIMIT,
            Self::Invalid(_) => codes::INVALID,
            Self::Unavailable | Self::Open { .. } | Self::Seed { .. } => codes::UNAVAILABLE,
        }
    }
}
