//! Codes of failures. The list is open: a side that does not know a code treats it as a failure like any other.

/// This host does not have that yet.
pub const UNSUPPORTED: &str = "unsupported";
/// A capability was not requested, or not granted.
pub const DENIED: &str = "denied";
/// Something is not what it must be: JSON, a placeholder, a name.
pub const INVALID: &str = "invalid";
/// More than one call, or one socket, may have.
pub const LIMIT: &str = "limit";
/// There is no such socket, namespace, key or ticket.
pub const UNKNOWN: &str = "unknown";
/// The ticket's answer is not there yet.
pub const UNANSWERED: &str = "unanswered";
/// A question to a socket whose connect middleware has not ended.
pub const PENDING: &str = "pending";
/// The socket disconnected before its client answered.
pub const DISCONNECTED: &str = "disconnected";
/// There was no answer in time.
pub const TIMEOUT: &str = "timeout";
/// What would have to do it has failed; a write may have happened or not.
pub const UNAVAILABLE: &str = "unavailable";
/// The host drops this in a `resumed` run.
pub const RESUMED: &str = "resumed";

/// Of a token: the time of `exp` has passed.
pub const EXPIRED: &str = "expired";
/// Of a token: the time of `nbf` has not come.
pub const NOT_BEFORE: &str = "not-before";
/// Of a token: the signature does not match, or its algorithm is not one of the key's.
pub const SIGNATURE: &str = "signature";
/// Of a token: `iss`, `aud`, `exp` or `nbf` is not what it must be.
pub const CLAIMS: &str = "claims";
/// Of a token: no key under this name is the one that the token names.
pub const KEY: &str = "key";

/// From a plugin, for a failed event: the failure is logged, and the client gets nothing.
pub const SILENT: &str = "silent";
/// The code that a client receives for a failure that has none.
pub const INTERNAL_ERROR: &str = "INTERNAL_ERROR";
/// The code that a client receives for an event whose call waited too long for an instance.
pub const SATURATED: &str = "SATURATED";
