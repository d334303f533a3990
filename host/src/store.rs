//! The store: keys and values that outlive the plugins and the host.

mod api;
mod embedded;
mod error;
mod lazy;
mod rules;

pub(crate) use api::{Entry, Store, StoreFuture};
pub(crate) use embedded::Embedded;
pub(crate) use error::StoreError;
pub(crate) use lazy::LazyStore;
