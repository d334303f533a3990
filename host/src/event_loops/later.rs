//! Waking other loops after the locks are free.
//!
//! A set of writes is applied under the locks of its namespaces, and may concern a thousand sockets of other loops. To wake a loop is a
//! system call, and the loop that wakes would meet the locks. So whoever applies a set puts that off until the locks are free.

use std::{cell::RefCell, task::Waker};

thread_local! {
    /// The loops to be woken; `None` unless this thread puts it off.
    static LATER: RefCell<Option<Vec<Waker>>> = const { RefCell::new(None) };
}

/// Wakes of other loops by this thread are put off until this is dropped. Of two of one thread the first counts.
#[must_use]
pub(crate) struct WakeLater {
    is_first: bool,
}

impl WakeLater {
    /// To be made before the locks are taken, so that it is dropped behind them.
    pub(crate) fn begin() -> Self {
        let is_first = LATER.with_borrow_mut(|later| {
            let is_first = later.is_none();
            later.get_or_insert_default();
            is_first
        });
        Self { is_first }
    }
}

impl WakeLater {
    /// Wakes what was put off so far, if this thread puts anything off.
    pub(crate) fn wake_now() {
        let loops = LATER.with_borrow_mut(|later| later.as_mut().map(std::mem::take));
        loops.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Drop for WakeLater {
    fn drop(&mut self) {
        if self.is_first {
            let loops = LATER.take();
            loops.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

/// Wakes a loop, at once or later.
pub(super) fn wake(waker: Waker) {
    let at_once = LATER.with_borrow_mut(|later| match later {
        Some(later) => {
            later.push(waker);
            None
        }
        None => Some(waker),
    });
    if let Some(waker) = at_once {
        waker.wake();
    }
}
