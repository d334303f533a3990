//! Between the contract's exports and the router: statics and conversions, and nothing that decides.

use crate::bindings::innkeeper::plugin::registering::NamespaceRegistration;
use crate::bindings::innkeeper::plugin::types::Rewrite;
use crate::bindings::{
    self, CallId, EventCall, Failure, Outcome, Registration, ServerEventCall, SocketId, Ticket, TimerCall, Verdict,
};
use crate::error::{Error, Result};
use crate::event::{Ack, Event};
use crate::log;
use crate::payload::Payload;
use crate::plugin::{Namespace, Plugin};
use crate::router::Router;
use crate::socket::Socket;
use crate::timer::Timer;
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
            impl $crate::export::Author for Author {
                fn plugin() -> $crate::Plugin {
                    $plugin()
                }
            }
            type Component = $crate::export::Component<Author>;
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

    fn event_of(call: EventCall) -> (Socket, Event) {
        let ack = Ack::new(call.socket.clone(), call.ack);
        (Socket::new(call.socket, call.namespace), Event::new(call.name, call.payload.into(), ack))
    }
}

impl<A: Author> bindings::Guest for Component<A> {
    fn register() -> Registration {
        Self::router(registration)
    }

    fn connect_middleware(_call: CallId, socket: SocketId, namespace: String) -> Verdict {
        let socket = Socket::new(socket, namespace);
        match Self::router(|router| router.connect_middleware(&socket)) {
            Ok(()) => Verdict::Pass,
            Err(error) => refusal(error),
        }
    }

    fn connection(_call: CallId, socket: SocketId, namespace: String, kind: String) -> Outcome {
        let socket = Socket::new(socket, namespace);
        outcome(Self::router(|router| router.connection(&socket, &kind)).map(|()| None))
    }

    fn event_middleware(call: EventCall) -> Verdict {
        let (socket, mut event) = Self::event_of(call);
        match Self::router(|router| router.middleware(&socket, &mut event)) {
            Ok(()) if event.rewritten() => {
                let (name, payload) = event.into_parts();
                Verdict::Rewrite(Rewrite { name, payload: payload.into() })
            }
            Ok(()) => Verdict::Pass,
            Err(error) => refusal(error),
        }
    }

    fn event(call: EventCall) -> Outcome {
        let (socket, event) = Self::event_of(call);
        outcome(Self::router(|router| router.event(&socket, event)))
    }

    fn disconnecting(_call: CallId, socket: SocketId, namespace: String, reason: String) -> Outcome {
        let socket = Socket::new(socket, namespace);
        outcome(Self::router(|router| router.disconnecting(&socket, &reason)).map(|()| None))
    }

    fn disconnect(_call: CallId, socket: SocketId, namespace: String, reason: String) -> Outcome {
        let socket = Socket::new(socket, namespace);
        outcome(Self::router(|router| router.disconnect(&socket, &reason)).map(|()| None))
    }

    fn start(_call: CallId) -> Outcome {
        outcome(Self::router(Router::start).map(|()| None))
    }

    fn timer(call: TimerCall) -> Outcome {
        let socket = call.socket.zip(call.namespace).map(|(id, namespace)| Socket::new(id, namespace));
        let timer = Timer::new(call.name, socket, call.data);
        outcome(Self::router(|router| router.timer(&timer)).map(|()| None))
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

fn outcome(result: Result<Option<Payload>>) -> Outcome {
    match result {
        Ok(reply) => Outcome::Done(reply.map(Into::into)),
        Err(error) => Outcome::Failed(told(error)),
    }
}

/// An author's error rejects. One of the host means that the middleware could not decide: it failed.
fn refusal(error: Error) -> Verdict {
    if error.is_host() { Verdict::Failed(told(error)) } else { Verdict::Reject(told(error)) }
}

/// What the client may not read of the host's errors, the log gets.
fn told(error: Error) -> Failure {
    if error.is_host() {
        log::error(&error);
    }
    error.into_failure()
}

fn registration(router: &Router) -> Registration {
    Registration {
        mode: "pooled".to_owned(),
        namespaces: router.namespaces().iter().map(namespace_registration).collect(),
        hooks: router.hooks(),
        capabilities: router.capabilities().to_vec(),
        sdk: concat!("innkeeper-plugin ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

fn namespace_registration(namespace: &Namespace) -> NamespaceRegistration {
    let hooks = [
        ("connect-middleware", namespace.connect_middleware.is_empty()),
        ("connection", namespace.connection.is_empty()),
        ("event-middleware", namespace.middleware.is_empty()),
        ("disconnecting", namespace.disconnecting.is_empty()),
        ("disconnect", namespace.disconnect.is_empty()),
    ];
    NamespaceRegistration {
        name: namespace.name.clone(),
        options: if namespace.pattern { vec!["pattern".to_owned()] } else { Vec::new() },
        hooks: hooks.iter().filter(|(_, empty)| !empty).map(|(name, _)| (*name).to_owned()).collect(),
        events: namespace.events.keys().cloned().collect(),
        all_events: !namespace.any.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::registration;
    use crate::{Plugin, Socket, router::Router};

    #[test]
    fn only_what_was_written_is_registered() {
        let plugin = Plugin::new()
            .capability("jwt")
            .namespace("/chat")
            .on("b", |_: &Socket| {})
            .on("a", |_: &Socket| {})
            .namespace_pattern("/room-.*")
            .on_any(|_, _| {})
            .namespace("/chat")
            .disconnect(|_: &Socket, _: &str| {});

        let registration = registration(&Router::new(plugin));
        let chat = registration.namespaces.iter().find(|namespace| namespace.name == "/chat").unwrap();
        let rooms = registration.namespaces.iter().find(|namespace| namespace.name == "/room-.*").unwrap();
        assert_eq!((registration.namespaces.len(), registration.capabilities), (2, vec!["jwt".to_owned()]));
        assert_eq!(
            (&chat.events[..], &chat.hooks[..], chat.all_events),
            (&["a".to_owned(), "b".to_owned()][..], &["disconnect".to_owned()][..], false)
        );
        assert_eq!((&rooms.options[..], rooms.hooks.len(), rooms.all_events), (&["pattern".to_owned()][..], 0, true));
    }
}
