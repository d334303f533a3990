//! The writes of a store, and what each does to the entries, wherever a store keeps them.

use std::time::Duration;

use super::error::StoreError;
use super::rules;

/// A write.
pub(super) enum Operation {
    Set { value: Vec<u8>, ttl: Option<Duration> },
    Delete,
    Increment { by: i64 },
    Swap { expected: Option<Vec<u8>>, value: Option<Vec<u8>> },
}

/// The answer of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteResult {
    Done(bool),
    Number(i64),
}

/// Entries that can be written. A `Failure` is one of the place where they are kept, such as a disk.
pub(super) trait Rows {
    type Failure;

    /// In milliseconds since 1970.
    fn now(&self) -> u64;

    /// The value that is there and has not expired, with its expiry (0: never).
    fn present(&self, bucket: &str, key: &str) -> Result<Option<(u64, Vec<u8>)>, Self::Failure>;

    /// Writes or removes an entry. The inner error is a refusal: there is no room for it.
    fn put(
        &mut self,
        bucket: &str,
        key: &str,
        value: Option<&[u8]>,
        expires: u64,
    ) -> Result<Result<(), StoreError>, Self::Failure>;
}

impl Operation {
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Set { value, .. } => rules::check_value(value),
            Self::Swap { expected, value } => expected.iter().chain(value).try_for_each(|value| rules::check_value(value)),
            Self::Delete | Self::Increment { .. } => Ok(()),
        }
    }

    /// Bytes that it holds while it waits.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Set { value, .. } => value.len(),
            Self::Delete | Self::Increment { .. } => 0,
            Self::Swap { expected, value } => expected.as_ref().map_or(0, Vec::len) + value.as_ref().map_or(0, Vec::len),
        }
    }

    /// Does the write. The inner error is a refusal, for the plugin.
    pub(super) fn apply<R: Rows>(
        &self,
        rows: &mut R,
        bucket: &str,
        key: &str,
    ) -> Result<Result<WriteResult, StoreError>, R::Failure> {
        let present = rows.present(bucket, key)?;
        // A changed value keeps the time that it has left.
        let expires = present.as_ref().map_or(0, |(expires, _)| *expires);
        let present = present.map(|(_, value)| value);
        let (put, done) = match self {
            Self::Set { value, ttl } => {
                let expires = ttl.map_or(0, |ttl| end_of(rows.now(), ttl));
                (rows.put(bucket, key, Some(value), expires)?, WriteResult::Done(true))
            }
            Self::Delete => (rows.put(bucket, key, None, 0)?, WriteResult::Done(present.is_some())),
            Self::Increment { by } => {
                let sum = match rules::sum(present.as_deref(), *by) {
                    Ok(sum) => sum,
                    Err(refused) => return Ok(Err(refused)),
                };
                (rows.put(bucket, key, Some(sum.to_string().as_bytes()), expires)?, WriteResult::Number(sum))
            }
            Self::Swap { expected, value } if present == *expected => {
                (rows.put(bucket, key, value.as_deref(), expires)?, WriteResult::Done(true))
            }
            Self::Swap { .. } => (Ok(()), WriteResult::Done(false)),
        };
        Ok(put.map(|()| done))
    }
}

fn end_of(now: u64, ttl: Duration) -> u64 {
    now.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
}
