//! What the scripts answer. An answer of another form is one of something that is not ours under our keys, and means `unavailable`.

use innkeeper_contract::refusals;
use redis::Value;

use crate::redis_link::CommandError;
use crate::store::Entry;
use crate::store::error::StoreError;
use crate::store::operation::WriteResult;
use crate::store::rules;

/// One answer of a scan.
pub(super) struct ScanPage {
    pub(super) entries: Vec<Entry>,
    /// The key behind which it goes on, if not all were looked at.
    pub(super) next: Option<String>,
}

/// Redis did not do it. The log says why.
pub(super) fn failed(error: &CommandError) -> StoreError {
    match error {
        CommandError::Away | CommandError::Refused(_) => StoreError::Unavailable,
    }
}

pub(super) fn value_of(answer: Value) -> Result<Option<Vec<u8>>, StoreError> {
    match answer {
        Value::Nil => Ok(None),
        Value::BulkString(value) => Ok(Some(value)),
        _ => Err(StoreError::Unavailable),
    }
}

pub(super) fn written(answer: Value, bucket_bytes: usize, plugin_bytes: usize) -> Result<WriteResult, StoreError> {
    let Value::Array(parts) = answer else { return Err(StoreError::Unavailable) };
    let [Value::BulkString(what), Value::BulkString(value)] = &*parts else { return Err(StoreError::Unavailable) };
    match (&**what, &**value) {
        (b"done", done) => Ok(WriteResult::Done(done == b"1")),
        (b"number", sum) => rules::number(Some(sum)).map(WriteResult::Number),
        (b"no number", _) => Err(StoreError::Refused(refusals::not_a_number())),
        (b"too large", _) => Err(StoreError::Refused(refusals::sum_too_large())),
        (b"limit", b"bucket_bytes_max") => {
            let message = format!("a bucket of the store holds at most {bucket_bytes} bytes (bucket_bytes_max in [store])");
            Err(rules::limit("bucket_bytes_max", message))
        }
        (b"limit", _) => {
            let message =
                format!("each of the plugin's buckets holds at most {plugin_bytes} bytes (store_bytes_max of the plugin)");
            Err(rules::limit("store_bytes_max", message))
        }
        _ => Err(StoreError::Unavailable),
    }
}

pub(super) fn scanned(answer: Value) -> Result<ScanPage, StoreError> {
    let Value::Array(parts) = answer else { return Err(StoreError::Unavailable) };
    let mut parts = parts.into_iter().map(|part| match part {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(StoreError::Unavailable),
    });
    let mut part = || parts.next().transpose();
    let next = match (part()?.as_deref(), part()?) {
        (Some(b"all"), Some(_)) => None,
        (Some(b"more"), Some(key)) => Some(text(key)?),
        (Some(b"bytes"), Some(_)) => return Err(StoreError::Refused(refusals::scan_bytes())),
        _ => return Err(StoreError::Unavailable),
    };
    let mut entries = Vec::new();
    while let (Some(key), Some(value)) = (part()?, part()?) {
        entries.push((text(key)?, value));
    }
    Ok(ScanPage { entries, next })
}

fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| StoreError::Unavailable)
}
