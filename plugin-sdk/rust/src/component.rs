//! Between the contract's exports and the router: statics, and nothing that decides.

use crate::bindings::{
    self, CallId, EventCall, Failure, Outcome, Registration, ServerEventCall, SocketId, Ticket, TimerCall, Verdict,
};
use crate::error::{Error, Result};
use crate::exports;
use crate::log;
use crate::plugin::Plugin;
use crate::router::Router;
use crate::socket::Socket;
use std::cell::OnceCell;
use std::marker::PhantomData;

thread_local! {
    /// One plugin to a component, one thread to an instance; built at the instance's first call.
    static ROUTER: OnceCell<Router> = const { OnceCell::new() };
}

/// Makes a component of a plugin: `export!(plugin)`, where `fn plugin() -> Plugin`.
///
/// ```
/// use innkeeper_plugin::{Plugin, Reply, Socket, export};
///
/// fn plugin() -> Plugin {
///     Plugin::new().on("hello", |_: &Socket, name: String| Reply(format!("hello, {name}")))
/// }
///
/// export!(plugin);
/// ```
#[macro_export]
macro_rules! export {
    ($plugin:path) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Author;
            impl $crate::component::Author for Author {
                fn plugin() -> $crate::Plugin {
                    $plugin()
                }
            }
            type Component = $crate::component::Component<Author>;
    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
        // Natively there is nothing to export, but what was written is checked and counts as used.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Plugin = $plugin;
    };
}

/// Where the plugin comes from.
pub trait Author {
    /// What was given to `export!`.
    fn plugin() -> Plugin;
}

/// The contract's exports, for a plugin.
#[derive(Debug)]
pub struct Component<A>(PhantomData<A>);

impl<A: Author> Component<A> {
    fn router<T>(run: impl FnOnce(&Router) -> T) -> T {
        ROUTER.with(|router| run(router.get_or_init(|| start(A::plugin()))))
    }
}

impl<A: Author> bindings::Guest for Component<A> {
    fn register() -> Registration {
        Self::router(exports::register)
    }

    fn connect_middleware(_call: CallId, socket: SocketId, namespace: String) -> Verdict {
        Self::router(|router| exports::connect_middleware(router, &Socket::new(socket, namespace)))
    }

    fn connection(_call: CallId, socket: SocketId, namespace: String, kind: String) -> Outcome {
        Self::router(|router| exports::connection(router, &Socket::new(socket, namespace), &kind))
    }

    fn event_middleware(call: EventCall) -> Verdict {
        Self::router(|router| exports::event_middleware(router, call))
    }

    fn event(call: EventCall) -> Outcome {
        Self::router(|router| exports::event(router, call))
    }

    fn disconnecting(_call: CallId, socket: SocketId, namespace: String, reason: String) -> Outcome {
        Self::router(|router| exports::disconnecting(router, &Socket::new(socket, namespace), &reason))
    }

    fn disconnect(_call: CallId, socket: SocketId, namespace: String, reason: String) -> Outcome {
        Self::router(|router| exports::disconnect(router, &Socket::new(socket, namespace), &reason))
    }

    fn start(_call: CallId) -> Outcome {
        Self::router(exports::start)
    }

    fn timer(call: TimerCall) -> Outcome {
        Self::router(|router| exports::timer(router, call))
    }

    // What follows is never registered, so the host does not call it.

    fn server_event(_event: ServerEventCall) -> Outcome {
        Outcome::Done(None)
    }

    fn wake(_tickets: Vec<Ticket>) {}

    fn snapshot() -> Result<Vec<u8>, Failure> {
        Err(Error::new("a pooled plugin has no state to hand over").into_failure())
    }

    fn restore(_state: Vec<u8>) -> Result<(), Failure> {
        Err(Error::new("a pooled plugin takes no state over").into_failure())
    }
}

/// Runs once in each instance.
fn start(plugin: Plugin) -> Router {
    // On targets without WASI nothing else would tell what a panic said.
    std::panic::set_hook(Box::new(|panic| log::error(panic)));
    Router::new(plugin)
}
