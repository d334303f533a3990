//! The contract's exports, for a router: conversions, and nothing that decides. Components use them, and so does the host of unit tests.
//! What is `pub` here is for the tests' guests of the mode `shared`, which have exports of their own.

use crate::bindings::innkeeper::plugin::registering::{NamespaceRegistration, Subscription};
use crate::bindings::innkeeper::plugin::sockets::Page;
use crate::bindings::innkeeper::plugin::types::Rewrite;
use crate::bindings::{EventCall, Failure, Outcome, Registration, ServerEventCall, SocketId, TimerCall, Verdict};
use crate::disconnect::Disconnect;
use crate::error::{Error, Result};
use crate::event::{Ack, Event};
use crate::log;
use crate::payload::Payload;
use crate::plugin::{EventHandlers, Namespace, Plugin};
use crate::remote_socket::Fetched;
use crate::router::Router;
use crate::server_event::ServerEvent;
use crate::socket::Socket;
use crate::timer::Timer;
use innkeeper_contract::{hooks, modes, options};

/// What a plugin registers, in a mode of [`modes`].
pub fn registration(plugin: Plugin, mode: &str) -> Registration {
    Registration { mode: mode.to_owned(), ..register(&Router::new(plugin)) }
}

pub(crate) fn register(router: &Router) -> Registration {
    Registration {
        mode: modes::POOLED.to_owned(),
        namespaces: router.namespaces().iter().map(namespace_registration).collect(),
        hooks: router.hooks(),
        capabilities: router.capabilities().to_vec(),
        options: Vec::new(),
        sdk: concat!("innkeeper-plugin ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

pub(crate) fn start(router: &Router) -> Outcome {
    ended(router.start())
}

pub(crate) fn connect_middleware(router: &Router, registration: u32, socket: &Socket) -> Verdict {
    connect_verdict(router.namespace(registration).and_then(|namespace| namespace.run_connect_middleware(socket)))
}

pub(crate) fn connection(router: &Router, registration: u32, socket: &Socket, kind: &str) -> Outcome {
    ended(router.namespace(registration).and_then(|namespace| namespace.run_connection(socket, kind)))
}

pub(crate) fn event_middleware(router: &Router, call: EventCall) -> Verdict {
    let namespace = router.namespace(call.registration);
    let (socket, mut event) = event_of(call);
    let run = namespace.and_then(|namespace| namespace.run_middleware(&socket, &mut event));
    event_verdict(run, event)
}

pub(crate) fn event(router: &Router, call: EventCall) -> Outcome {
    let namespace = router.namespace(call.registration);
    let (socket, event) = event_of(call);
    event_outcome(namespace.and_then(|namespace| namespace.run_event(&socket, event)))
}

pub(crate) fn disconnecting(router: &Router, registration: u32, socket: &Socket, disconnect: &Disconnect) -> Outcome {
    ended(router.namespace(registration).and_then(|namespace| namespace.run_disconnecting(socket, disconnect)))
}

pub(crate) fn disconnect(router: &Router, registration: u32, socket: &Socket, disconnect: &Disconnect) -> Outcome {
    ended(router.namespace(registration).and_then(|namespace| namespace.run_disconnect(socket, disconnect)))
}

pub(crate) fn timer(router: &Router, call: TimerCall) -> Outcome {
    ended(router.timer(&timer_of(call)))
}

pub(crate) fn server_event(router: &Router, call: ServerEventCall) -> Outcome {
    let namespace = router.namespace(call.registration);
    let event = server_event_of(call);
    outcome(namespace.and_then(|namespace| namespace.run_server_event(&event)))
}

/// The event of a call that another server emitted.
pub fn server_event_of(call: ServerEventCall) -> ServerEvent {
    ServerEvent::new(call.name, call.namespace, call.payload.into())
}

/// The socket of a call.
pub fn socket_of(id: SocketId, namespace: String) -> Socket {
    Socket::new(id, namespace)
}

/// The timer of a call.
pub fn timer_of(call: TimerCall) -> Timer {
    let socket = call.socket.zip(call.namespace).map(|(id, namespace)| Socket::new(id, namespace));
    Timer::new(call.name, call.key, socket, call.data)
}

/// The socket and the event of a call.
pub fn event_of(call: EventCall) -> (Socket, Event) {
    let ack = Ack::new(call.socket.clone(), call.ack);
    (Socket::new(call.socket, call.namespace), Event::new(call.name, call.payload.into(), ack))
}

/// What connect middleware decided.
pub fn connect_verdict(result: Result<()>) -> Verdict {
    match result {
        Ok(()) => Verdict::Pass,
        Err(error) => refusal(error),
    }
}

/// What event middleware decided, and made of the event.
pub fn event_verdict(result: Result<()>, event: Event) -> Verdict {
    match result {
        Ok(()) if event.rewritten() => {
            let (name, payload) = event.into_parts();
            Verdict::Rewrite(Rewrite { name, payload: payload.into() })
        }
        Ok(()) => Verdict::Pass,
        Err(error) => refusal(error.of_event()),
    }
}

/// How the handler of an event ended.
pub fn event_outcome(result: Result<Option<Payload>>) -> Outcome {
    outcome(result.map_err(Error::of_event))
}

/// How a handler without an answer ended.
pub fn ended(result: Result<()>) -> Outcome {
    outcome(result.map(|()| None))
}

fn outcome(result: Result<Option<Payload>>) -> Outcome {
    match result {
        Ok(reply) => Outcome::Done(reply.map(Into::into)),
        Err(error) => Outcome::Failed(failure(error)),
    }
}

/// An author's error rejects. Any other means that the middleware could not decide: it failed.
fn refusal(error: Error) -> Verdict {
    if error.is_answer() { Verdict::Reject(failure(error)) } else { Verdict::Failed(failure(error)) }
}

/// Why a plugin does not register.
pub fn registration_failure(error: Error) -> Failure {
    error.into_refusal()
}

/// What the host refused.
pub fn refused_by_host(failure: Failure) -> Error {
    Error::of_host(failure)
}

/// The sockets of a page.
pub fn fetched(page: Page, namespace: &str) -> Fetched {
    Fetched::new(page, namespace)
}

/// What the client does not get of an error is logged.
fn failure(error: Error) -> Failure {
    if let Some(line) = error.log_line() {
        log::error(line);
    }
    error.into_failure()
}

fn namespace_registration(namespace: &Namespace) -> NamespaceRegistration {
    let hooks = [
        (hooks::CONNECT_MIDDLEWARE, namespace.connect_middleware.is_empty()),
        (hooks::CONNECTION, namespace.connection.is_empty()),
        (hooks::EVENT_MIDDLEWARE, namespace.middleware.is_empty()),
        (hooks::DISCONNECTING, namespace.disconnecting.is_empty()),
        (hooks::DISCONNECT, namespace.disconnect.is_empty()),
    ];
    let subscription = |(name, event): (&String, &EventHandlers)| {
        let in_order = event.in_order || !namespace.any.is_empty();
        let options = if in_order { Vec::new() } else { vec![options::OVERTAKABLE.to_owned()] };
        Subscription { name: name.clone(), options }
    };
    let overtakable = !namespace.connection.is_empty() && !namespace.connection_in_order;
    let namespace_options = [(options::PATTERN, namespace.pattern), (options::OVERTAKABLE_CONNECTION, overtakable)];
    NamespaceRegistration {
        name: namespace.name.clone(),
        options: namespace_options.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect(),
        hooks: hooks.iter().filter(|(_, empty)| !empty).map(|(name, _)| (*name).to_owned()).collect(),
        events: namespace.events.iter().map(subscription).collect(),
        other_events: (!namespace.any.is_empty()).then(Vec::new),
        server_events: namespace.server_events.keys().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::register;
    use crate::{Plugin, Socket, router::Router};

    #[test]
    fn connection_is_overtakable_if_all_its_functions_are() {
        let options = |plugin: Plugin| register(&Router::new(plugin)).namespaces[0].options.clone();
        assert_eq!(options(Plugin::new().connection_overtakable(|_: &Socket| {})), ["overtakable-connection"]);
        assert!(options(Plugin::new().connection_overtakable(|_: &Socket| {}).connection(|_: &Socket| {})).is_empty());
        assert!(options(Plugin::new().disconnect(|_: &Socket| {})).is_empty());
    }

    #[test]
    fn only_what_was_written_is_registered() {
        let plugin = Plugin::new()
            .capability("jwt")
            .namespace("/chat")
            .on("b", |_: &Socket| {})
            .on_overtakable("a", |_: &Socket| {})
            .on_overtakable("b", |_: &Socket| {})
            .namespace_pattern("/room-.*")
            .on_any(|_, _| {})
            .namespace("/chat")
            .disconnect(|_: &Socket, _: &str| {});

        let registration = register(&Router::new(plugin));
        let chat = registration.namespaces.iter().find(|namespace| namespace.name == "/chat").unwrap();
        let rooms = registration.namespaces.iter().find(|namespace| namespace.name == "/room-.*").unwrap();
        assert_eq!((registration.namespaces.len(), registration.capabilities), (2, vec!["jwt".to_owned()]));
        let events: Vec<_> = chat.events.iter().map(|event| (&*event.name, event.options.concat())).collect();
        assert_eq!(events, [("a", "overtakable".to_owned()), ("b", String::new())]);
        assert_eq!((&chat.hooks[..], &chat.other_events), (&["disconnect".to_owned()][..], &None));
        assert_eq!(
            (&rooms.options[..], rooms.hooks.len(), &rooms.other_events),
            (&["pattern".to_owned()][..], 0, &Some(Vec::new()))
        );
    }
}
