//! Why Redis cannot be reached, and what to do.

use std::io;
use std::time::Duration;

use redis::RedisError;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("{address}: {source}; is Redis running there, and is `url` in [adapter.redis] right?")]
    Io { address: String, source: io::Error },

    #[error(
        "{address}: TLS failed: {source}; is `ca_file` in [adapter.redis] the authority of its certificate, and is it for this host?"
    )]
    Tls { address: String, source: io::Error },

    #[error("{address}: there was no answer for {waited:?}; has Redis stopped, or is something in between?")]
    Silent { address: String, waited: Duration },

    #[error("{address}: {what}; {remedy}")]
    Refused { address: String, what: String, remedy: &'static str },
}

impl LinkError {
    /// What Redis answers to a client that it does not let in.
    pub(super) fn refused(address: &str, what: String) -> Self {
        let remedy = match what.split([':', ' ']).next().unwrap_or_default() {
            "WRONGPASS" => "correct user and password in `url` in [adapter.redis]",
            "NOAUTH" => "give a user and a password in `url` in [adapter.redis]",
            "NOPERM" => "docs/security.md lists the rights that its user needs",
            "LOADING" | "MASTERDOWN" => "it is tried again",
            _ => "it is tried again; see the log of Redis",
        };
        Self::Refused { address: address.to_owned(), what, remedy }
    }

    pub(super) fn of_redis(address: &str, error: &RedisError) -> Self {
        let what = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("{code}: {detail}"),
            _ => error.to_string(),
        };
        if error.is_io_error() {
            return Self::Io { address: address.to_owned(), source: io::Error::other(what) };
        }
        Self::refused(address, what)
    }
}
