//! Connections to Redis: how they are made, and how it is tried again. What is said over them is known by those who use them.

mod answer;
mod backoff;
mod commands;
mod connect;
mod error;
mod link;
mod pipeline;
mod stream;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use answer::server_error;
pub(crate) use backoff::Backoff;
pub(crate) use commands::{CommandError, CommandFigures, Commands};
pub(crate) use error::LinkError;
pub(crate) use link::RedisLink;
pub(crate) use pipeline::{Question, Script, script};
pub(crate) use stream::{Subscription, Tls, TlsError};
