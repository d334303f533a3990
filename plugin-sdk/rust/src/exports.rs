//! The contract's exports, for a router: conversions, and nothing that decides. The component goes through here, and so does the
//! host of tests.

use crate::bindings::innkeeper::plugin::registering::NamespaceRegistration;
use crate::bindings::innkeeper::plugin::types::Rewrite;
use crate::bindings::{EventCall, Failure, Outcome, Registration, TimerCall, Verdict};
use crate::error::{Error, Result};
use crate::event::{Ack, Event};
use crate::log;
use crate::payload::Payload;
use crate::plugin::Namespace;
use crate::router::Router;
use crate::socket::Socket;
use crate::timer::Timer;

pub(crate) fn register(router: &Router) -> Registration {
    Registration {
        mode: "pooled".to_owned(),
        namespaces: router.namespaces().iter().map(namespace_registration).collect(),
        hooks: router.hooks(),
        capabilities: router.capabilities().to_vec(),
        sdk: concat!("innkeeper-plugin ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

pub(crate) fn start(router: &Router) -> Outcome {
    outcome(router.start().map(|()| None))
}

pub(crate) fn connect_middleware(router: &Router, socket: &Socket) -> Verdict {
    match router.connect_middleware(socket) {
        Ok(()) => Verdict::Pass,
        Err(error) => refusal(error),
    }
}

pub(crate) fn connection(router: &Router, socket: &Socket, kind: &str) -> Outcome {
    outcome(router.connection(socket, kind).map(|()| None))
}

pub(crate) fn event_middleware(router: &Router, call: EventCall) -> Verdict {
    let (socket, mut event) = event_of(call);
    match router.middleware(&socket, &mut event) {
        Ok(()) if event.rewritten() => {
            let (name, payload) = event.into_parts();
            Verdict::Rewrite(Rewrite { name, payload: payload.into() })
        }
        Ok(()) => Verdict::Pass,
        Err(error) => refusal(error),
    }
}

pub(crate) fn event(router: &Router, call: EventCall) -> Outcome {
    let (socket, event) = event_of(call);
    outcome(router.event(&socket, event))
}

pub(crate) fn disconnecting(router: &Router, socket: &Socket, reason: &str) -> Outcome {
    outcome(router.disconnecting(socket, reason).map(|()| None))
}

pub(crate) fn disconnect(router: &Router, socket: &Socket, reason: &str) -> Outcome {
    outcome(router.disconnect(socket, reason).map(|()| None))
}

pub(crate) fn timer(router: &Router, call: TimerCall) -> Outcome {
    let socket = call.socket.zip(call.namespace).map(|(id, namespace)| Socket::new(id, namespace));
    outcome(router.timer(&Timer::new(call.name, socket, call.data)).map(|()| None))
}

fn event_of(call: EventCall) -> (Socket, Event) {
    let ack = Ack::new(call.socket.clone(), call.ack);
    (Socket::new(call.socket, call.namespace), Event::new(call.name, call.payload.into(), ack))
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
    use super::register;
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

        let registration = register(&Router::new(plugin));
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
