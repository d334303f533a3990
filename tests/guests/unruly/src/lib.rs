//! A plugin of the mode `shared`, written on the contract without the SDK, that breaks every rule of its mode: when a client
//! says so in an event (`attacks`), and in the other exports where the client's plan or the configuration says so (`plans`). To all
//! others it is a good plugin, so a test sees whether they are hurt. `memory` is what a new instance begins without.
//!
//! With `mode = "pooled"` in its configuration it registers as that, and answers `waiting` nevertheless.

mod attacks;
mod config;
mod memory;
mod plans;
mod serving;
mod work;

use innkeeper_plugin::bindings::innkeeper::plugin::registering::{NamespaceRegistration, Subscription};
use innkeeper_plugin::bindings::innkeeper::plugin::types::{Failure, Payload};
use innkeeper_plugin::bindings::{
    CallId, EventCall, Guest, Outcome, Registration, ServerEventCall, SocketId, Ticket, TimerCall, Verdict,
};
use innkeeper_plugin::component::log_panics;
use serde::Serialize;
use serde_json::{Value, json};
use shared_calls::run;

use config::Config;
use plans::Hook;

struct Unruly;

impl Guest for Unruly {
    fn register() -> Result<Registration, Failure> {
        let config = Config::read().map_err(|message| failure("", message))?;
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let subscription = |name: &str| Subscription { name: name.to_owned(), options: Vec::new() };
        let namespace = NamespaceRegistration {
            name: config.namespace,
            options: Vec::new(),
            hooks: texts(&["connect-middleware", "connection", "event-middleware", "disconnecting", "disconnect"]),
            events: serving::EVENTS.iter().chain(attacks::EVENTS).map(|name| subscription(name)).collect(),
            other_events: None,
            server_events: Vec::new(),
        };
        let mut hooks = vec!["start", "timer"];
        if config.mode == "shared" {
            hooks.push("snapshot");
        }
        Ok(Registration {
            mode: config.mode,
            namespaces: vec![namespace],
            hooks: texts(&hooks),
            capabilities: texts(&["store", "rate-limit"]),
            options: Vec::new(),
            sdk: "none".to_owned(),
        })
    }

    fn start(call: CallId, instance: u32, kind: String) -> Outcome {
        log_panics();
        memory::started(instance, &kind);
        run(call, plans::outcome(call, Hook::Start, None))
    }

    fn connect_middleware(call: CallId, socket: SocketId, _namespace: String, _registration: u32) -> Verdict {
        memory::saw(json!(["connect-middleware", socket]));
        run(call, plans::verdict(call, Hook::ConnectMiddleware, socket))
    }

    fn connection(call: CallId, socket: SocketId, _namespace: String, _registration: u32, kind: String) -> Outcome {
        memory::saw(json!(["connection", socket, kind]));
        let hook = if kind == "resumed" { Hook::Resumed } else { Hook::Connection };
        run(call, plans::outcome(call, hook, Some(socket)))
    }

    fn event_middleware(event: EventCall) -> Verdict {
        run(event.call, plans::verdict(event.call, Hook::EventMiddleware, event.socket))
    }

    fn event(event: EventCall) -> Outcome {
        let args: Vec<Value> = serde_json::from_str(&event.payload.args).unwrap_or_default();
        memory::saw(json!(["event", event.socket, event.name, args]));
        let call = event.call;
        if attacks::EVENTS.contains(&&*event.name) {
            run(call, async move { attacks::attack(&event, &args).await })
        } else {
            run(call, async move { serving::serve(&event, &args).await })
        }
    }

    fn disconnecting(
        call: CallId,
        socket: SocketId,
        _namespace: String,
        _registration: u32,
        reason: String,
        _details: Option<String>,
    ) -> Outcome {
        memory::saw(json!(["disconnecting", socket, reason]));
        run(call, plans::outcome(call, Hook::Disconnecting, Some(socket)))
    }

    fn disconnect(
        call: CallId,
        socket: SocketId,
        _namespace: String,
        _registration: u32,
        reason: String,
        _details: Option<String>,
    ) -> Outcome {
        memory::saw(json!(["disconnect", socket, reason]));
        run(call, plans::outcome(call, Hook::Disconnect, Some(socket)))
    }

    fn timer(timer: TimerCall) -> Outcome {
        memory::saw(json!(["timer", timer.socket, timer.name]));
        run(timer.call, plans::due(timer))
    }

    fn wake(tickets: Vec<Ticket>) {
        memory::woken(&tickets);
        shared_calls::wake(&tickets);
    }

    fn snapshot(_instance: u32) -> Result<String, Failure> {
        plans::snapshot()
    }

    fn restore(_instance: u32, state: String) -> Result<(), Failure> {
        plans::restore(&state)
    }

    // What follows is never registered, so the host does not call it.

    fn server_event(_event: ServerEventCall) -> Outcome {
        Outcome::Done(None)
    }

    fn notice(_call: CallId, _name: String, _registration: Option<u32>, _socket: Option<SocketId>, _data: String) -> Outcome {
        Outcome::Done(None)
    }
}

/// Arguments of an ack or an event.
fn payload(args: &[Value]) -> Payload {
    Payload { args: Value::from(args).to_string(), attachments: Vec::new() }
}

/// A handler's end with an ack.
fn done(value: impl Serialize) -> Outcome {
    Outcome::Done(Some(payload(&[json!(value)])))
}

fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), data: None }
}

/// What the host said: `ok`, or the code of its refusal.
fn said<T>(result: Result<T, Failure>) -> String {
    result.map_or_else(|failure| failure.code, |_| "ok".to_owned())
}

#[expect(clippy::panic, reason = "that is what it is for")]
fn break_down() -> ! {
    panic!("unruly breaks down")
}

fn spin() -> ! {
    loop {
        std::hint::black_box(());
    }
}

#[cfg(target_family = "wasm")]
innkeeper_plugin::bindings::export_component!(Unruly with_types_in innkeeper_plugin::bindings);
// Natively there is nothing to export, but what was written is checked and counts as used.
#[cfg(not(target_family = "wasm"))]
const _: Unruly = Unruly;
