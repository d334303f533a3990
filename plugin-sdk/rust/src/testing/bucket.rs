//! The store, as a test sees it.

use super::scheduler::Scheduler;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::sync::Arc;

/// A bucket of the store, to fill it and to read it.
pub struct Bucket {
    scheduler: Arc<Scheduler>,
    name: String,
}

impl Bucket {
    pub(super) fn new(scheduler: Arc<Scheduler>, name: &str) -> Self {
        Self { scheduler, name: name.to_owned() }
    }

    /// The value of a key, as the plugins read it now.
    ///
    /// # Panics
    /// If the value is of another type.
    #[expect(clippy::panic, reason = "a test says what it expects")]
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let state = self.scheduler.state();
        let value = state.store.get(&self.name, key, state.now);
        let value = value.unwrap_or_else(|error| panic!("{}: {error}", self.name))?;
        Some(serde_json::from_slice(&value).unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name)))
    }

    /// Writes a value, as a plugin would have written it.
    ///
    /// # Panics
    /// If no plugin could have written the value.
    #[expect(clippy::panic, reason = "it is an error in the test")]
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) {
        let value = serde_json::to_vec(value).unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name));
        let set = self.scheduler.state().store.set(&self.name, key, &value, None);
        set.unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name));
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Bucket({})", self.name)
    }
}
