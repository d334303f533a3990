//! What an instance knows: the state of a `shared` plugin, nothing to rely on in a `pooled` one.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Serialize;

/// The memory of one instance.
#[derive(Default, Serialize)]
pub(crate) struct Memory {
    /// How often `start` ran, and of which kind.
    pub(crate) started: Vec<String>,
    /// The kinds of `connection` that each socket had here.
    pub(crate) met: BTreeMap<String, Vec<String>>,
    /// Handed over to the next generation.
    pub(crate) hits: u32,
    /// What `interval` counts, handed over as well.
    pub(crate) ticks: u32,
    /// The version that handed something over.
    pub(crate) restored_from: Option<u32>,
    /// How many `work` events were handled.
    pub(crate) works: u32,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Uses the memory. It is not entered again meanwhile.
pub(crate) fn with<T>(run: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(run)
}
