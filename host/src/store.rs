//! The store: keys and values that outlive the plugins and, unless their bucket is in memory, the host.

mod api;
mod clock;
mod embedded;
mod error;
mod in_flight;
mod lazy;
mod memory;
mod operation;
mod redis;
mod rules;
mod split;
#[cfg(test)]
mod tests;

pub(crate) use api::{Entry, Store, StoreFuture};
pub(crate) use embedded::Embedded;
pub(crate) use error::StoreError;
pub(crate) use lazy::{LazyStore, check_seed};
pub(crate) use redis::RedisStore;
pub(crate) use rules::number;
