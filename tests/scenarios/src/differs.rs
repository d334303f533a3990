//! What differs between the modes of a plugin. A scenario that expects one thing of a `pooled` plugin and another of a `shared` one
//! names the rule of the contract that says so.

use crate::{Mode, TestServer};
use std::cell::RefCell;

/// A rule of the contract that says another thing for each mode.
pub(crate) struct Differs(&'static str);

pub(crate) const WHAT_AN_ERROR_KEEPS: Differs = Differs(
    "an error of a handler or of middleware takes the call's writes back; in `shared` mode it takes nothing back, as in Node",
);
pub(crate) const WHAT_A_TRAP_ENDS: Differs =
    Differs("a trap ends its own call; in `shared` mode also the open calls of that instance, and nobody is disconnected");
pub(crate) const HANDLERS_OVERLAP: Differs = Differs(
    "events of one socket run strictly one after the other; in `shared` mode the next one starts when the running one waits in the \
     last call that its chain has for it",
);
pub(crate) const WHEN_QUESTIONS_BEGIN: Differs = Differs(
    "a question first sends what was recorded; in `shared` mode it begins at once, and what was recorded leaves when the entry ends",
);
pub(crate) const HOW_LONG_A_QUESTION_TAKES: Differs = Differs(
    "a question's timeout is cut to what is left of its call; in `shared` mode tickets belong to the instance and live to their own \
     timeout, at most call_ms, so the call is over first",
);

thread_local! {
    /// Those on which the scenario of this thread depends, as far as it came.
    static MET: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

impl Differs {
    /// What is expected in the mode of this server.
    pub(crate) fn either<T>(&self, server: &dyn TestServer, pooled: T, shared: T) -> T {
        MET.with_borrow_mut(|met| met.push(self.0));
        match server.mode() {
            Mode::Pooled => pooled,
            Mode::Shared => shared,
        }
    }
}

/// The rules that were named since the last time.
pub(crate) fn met() -> Vec<&'static str> {
    let mut met = MET.take();
    met.dedup();
    met
}
