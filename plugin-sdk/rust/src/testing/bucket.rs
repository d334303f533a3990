//! The store, as a test sees it.

use super::scheduler::Scheduler;
use crate::error::{Error, Result};
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
    #[track_caller]
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        match self.read(key) {
            Ok(value) => value,
            Err(error) => panic!("{}: {key}: {error}", self.name),
        }
    }

    /// Writes a value, as a plugin would have written it.
    ///
    /// # Panics
    /// If no plugin could have written the value.
    #[expect(clippy::panic, reason = "it is an error in the test")]
    #[track_caller]
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) {
        let set = serde_json::to_vec(value).map_err(Error::from);
        let set = set.and_then(|value| self.scheduler.state().store.set(&self.name, key, &value, None));
        if let Err(error) = set {
            panic!("{}: {key}: {error}", self.name);
        }
    }

    fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let state = self.scheduler.state();
        let value = state.store.get(&self.name, key, state.now)?;
        Ok(value.map(|value| serde_json::from_slice(&value)).transpose()?)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Bucket({})", self.name)
    }
}
