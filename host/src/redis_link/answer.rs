//! What Redis answers.

use redis::Value;

/// The text of an error in an answer of Redis, if it is one, as Redis wrote it.
pub(crate) fn server_error(value: &Value) -> Option<String> {
    match value {
        Value::ServerError(error) => Some(format!("{} {}", error.code(), error.details().unwrap_or_default())),
        _ => None,
    }
}
