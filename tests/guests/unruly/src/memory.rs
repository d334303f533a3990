//! The memory of this instance: gone with it, unless a snapshot saves the counter.

use std::cell::RefCell;
use std::collections::BTreeSet;

use innkeeper_plugin::bindings::{CallId, Ticket};
use serde::Serialize;
use serde_json::{Value, json};

/// So many entries of the log are kept: the first ones.
const SEEN_MAX: usize = 20_000;

#[derive(Default, Serialize)]
pub(crate) struct Memory {
    /// As `start` said.
    pub(crate) instance: Option<u32>,
    pub(crate) started: Vec<String>,
    pub(crate) restored: bool,
    pub(crate) counter: u64,
    /// Tickets that `wake` reported, and how often it was called.
    pub(crate) woken: usize,
    pub(crate) wakes: usize,
    /// What it was called for, in order.
    pub(crate) seen: Vec<Value>,
    /// Calls and tickets to come back to.
    #[serde(skip)]
    pub(crate) calls: BTreeSet<CallId>,
    #[serde(skip)]
    pub(crate) tickets: BTreeSet<Ticket>,
    /// A flood of timers goes on.
    #[serde(skip)]
    pub(crate) floods: bool,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Uses the memory. It is not entered again meanwhile.
pub(crate) fn with<T>(run: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(run)
}

pub(crate) fn started(instance: u32, kind: &str) {
    with(|memory| {
        memory.instance = Some(instance);
        memory.started.push(kind.to_owned());
    });
    saw(json!(["start", instance, kind]));
}

pub(crate) fn woken(tickets: &[Ticket]) {
    with(|memory| {
        memory.wakes += 1;
        memory.woken += tickets.len();
    });
}

/// Adds to what it was called for.
pub(crate) fn saw(entry: Value) {
    with(|memory| {
        if memory.seen.len() < SEEN_MAX {
            memory.seen.push(entry);
        }
    });
}
