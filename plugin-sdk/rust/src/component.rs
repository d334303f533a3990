//! The connection between the contract's exports and the router: statics, and no decisions.

use crate::bindings::{
    self, CallId, EventCall, Failure, Outcome, Registration, ServerEventCall, SocketId, Ticket, TimerCall, Verdict,
};
use crate::disconnect::Disconnect;
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
    static ROUTER: OnceCell<Result<Router>> = const { OnceCell::new() };
}

/// Makes a component of a plugin: `export!(plugin)`, where `fn plugin() -> Plugin`, or `fn plugin() -> Result<Plugin>`: an error is a
/// configuration that the plugin cannot work with. Its message is for the operator, who gets it when the plugin is loaded.
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
                fn plugin() -> $crate::Result<$crate::Plugin> {
                    $crate::IntoPlugin::into_plugin($plugin())
                }
            }
            type Component = $crate::component::Component<Author>;
    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
        // Natively there is nothing to export, but what was written is checked and counts as used.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> $crate::Result<$crate::Plugin> = || $crate::IntoPlugin::into_plugin($plugin());
    };
}

/// Where the plugin comes from.
pub trait Author {
    /// Makes the plugin, as the function given to `export!` does.
    ///
    /// # Errors
    /// If the plugin cannot work with its configuration.
    fn plugin() -> Result<Plugin>;
}

/// The contract's exports, for a plugin.
#[derive(Debug)]
pub struct Component<A>(PhantomData<A>);

impl<A: Author> Component<A> {
    /// Calls `run` with the plugin. The error is the refusal of a plugin that cannot work with its configuration.
    fn with_router<T>(run: impl FnOnce(&Router) -> T) -> Result<T, Failure> {
        ROUTER.with(|router| match router.get_or_init(|| start(A::plugin())) {
            Ok(router) => Ok(run(router)),
            Err(refusal) => Err(refusal.clone().into_refusal()),
        })
    }

    /// An export that ends with an outcome. The host calls none of a plugin that refused to register.
    fn outcome(run: impl FnOnce(&Router) -> Outcome) -> Outcome {
        Self::with_router(run).unwrap_or_else(Outcome::Failed)
    }

    fn verdict(run: impl FnOnce(&Router) -> Verdict) -> Verdict {
        Self::with_router(run).unwrap_or_else(Verdict::Failed)
    }
}

impl<A: Author> bindings::Guest for Component<A> {
    fn register() -> Result<Registration, Failure> {
        Self::with_router(exports::register)
    }

    fn start(_call: CallId, _instance: u32, _kind: String) -> Outcome {
        Self::outcome(exports::start)
    }

    fn connect_middleware(_call: CallId, socket: SocketId, namespace: String, registration: u32) -> Verdict {
        Self::verdict(|router| exports::connect_middleware(router, registration, &Socket::new(socket, namespace)))
    }

    fn connection(_call: CallId, socket: SocketId, namespace: String, registration: u32, kind: String) -> Outcome {
        Self::outcome(|router| exports::connection(router, registration, &Socket::new(socket, namespace), &kind))
    }

    fn event_middleware(call: EventCall) -> Verdict {
        Self::verdict(|router| exports::event_middleware(router, call))
    }

    fn event(call: EventCall) -> Outcome {
        Self::outcome(|router| exports::event(router, call))
    }

    fn disconnecting(
        _call: CallId,
        socket: SocketId,
        namespace: String,
        registration: u32,
        reason: String,
        details: Option<String>,
    ) -> Outcome {
        let disconnect = Disconnect::new(reason, details);
        Self::outcome(|router| exports::disconnecting(router, registration, &Socket::new(socket, namespace), &disconnect))
    }

    fn disconnect(
        _call: CallId,
        socket: SocketId,
        namespace: String,
        registration: u32,
        reason: String,
        details: Option<String>,
    ) -> Outcome {
        let disconnect = Disconnect::new(reason, details);
        Self::outcome(|router| exports::disconnect(router, registration, &Socket::new(socket, namespace), &disconnect))
    }

    fn timer(call: TimerCall) -> Outcome {
        Self::outcome(|router| exports::timer(router, call))
    }

    fn server_event(call: ServerEventCall) -> Outcome {
        Self::outcome(|router| exports::server_event(router, call))
    }

    // What follows is never registered, so the host does not call it.

    fn notice(_call: CallId, _name: String, _registration: Option<u32>, _socket: Option<SocketId>, _data: String) -> Outcome {
        Outcome::Done(None)
    }

    fn wake(_tickets: Vec<Ticket>) {}

    fn snapshot(_instance: u32) -> Result<String, Failure> {
        Err(Error::new("a pooled plugin has no state to hand over").into_failure())
    }

    fn restore(_instance: u32, _state: String) -> Result<(), Failure> {
        Err(Error::new("a pooled plugin takes no state over").into_failure())
    }
}

/// Runs once in each instance.
fn start(plugin: Result<Plugin>) -> Result<Router> {
    log_panics();
    plugin.map(Router::new)
}

/// Makes a panic an error of the log, with the socket whose call it ended; what std prints of it would be a warning without.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| log::error(panic)));
}
