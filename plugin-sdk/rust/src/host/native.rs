//! The host of a unit test. Each call of a plugin has one, for the thread that the call runs on.

use super::interface::Host;
use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn Host>>> = const { RefCell::new(None) };
}

/// The host of the call that runs on this thread.
#[expect(clippy::panic, reason = "it is an error in the test, and says what to do")]
pub(crate) fn host() -> Rc<dyn Host> {
    CURRENT.with_borrow(Option::clone).unwrap_or_else(|| {
        panic!(
            "there is no host here: the functions of a handler work only in a call. In a test, make a host with \
             `innkeeper_plugin::testing::Host::new(plugin)`, and let a client emit the event"
        )
    })
}

/// Runs a call of a plugin with this host. It must not panic: the next call of the thread would have the same host.
pub(crate) fn with_host<T>(host: Rc<dyn Host>, run: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(Some(host));
    let result = run();
    CURRENT.set(outer);
    result
}
