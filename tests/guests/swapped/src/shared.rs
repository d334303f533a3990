//! The exports of a `shared` plugin. What one of them begins goes on in `wake` where it waits.

use innkeeper_contract::{hooks, options};
use innkeeper_plugin::bindings::innkeeper::plugin::types::Failure;
use innkeeper_plugin::bindings::{
    CallId, EventCall, Guest, Outcome, Registration, ServerEventCall, SocketId, Ticket, TimerCall, Verdict,
};
use innkeeper_plugin::component::log_panics;
use innkeeper_plugin::exports::{
    ended, event_of, event_outcome, event_verdict, registration, registration_failure, socket_of, timer_of,
};
use innkeeper_plugin::{IntoReply, Result};
use shared_calls::run;

use crate::events::{connection, disconnect, handle, middleware, run_timer};
use crate::mark::{Act, plan, version};
use crate::{beat, memory, plugin, start};

/// More than may be handed over.
const TOO_MANY_BYTES: usize = (16 << 20) + 1;

struct Exports;

impl Guest for Exports {
    fn register() -> std::result::Result<Registration, Failure> {
        log_panics();
        let mut registration = registration(plugin().map_err(registration_failure)?, "shared");
        registration.hooks.push(hooks::SNAPSHOT.to_owned());
        let plan = plan().map_err(registration_failure)?;
        let wanted = [(plan.eager, options::RESUME, options::EAGER), (plan.keep, options::ROLLBACK_STATE, options::KEEP)];
        let wanted = wanted.into_iter().filter(|(is_wanted, ..)| *is_wanted);
        registration.options.extend(wanted.map(|(_, name, value)| (name.to_owned(), value.to_owned())));
        Ok(registration)
    }

    fn start(_call: CallId, _instance: u32, kind: String) -> Outcome {
        log_panics();
        ended(start(&kind))
    }

    fn connection(call: CallId, socket: SocketId, namespace: String, _registration: u32, kind: String) -> Outcome {
        let socket = socket_of(socket, namespace);
        run(call, async move { ended(connection(&socket, &kind).await) })
    }

    fn event_middleware(event: EventCall) -> Verdict {
        let call = event.call;
        let (_, mut event) = event_of(event);
        run(call, async move { event_verdict(middleware(&mut event).await, event) })
    }

    fn event(event: EventCall) -> Outcome {
        let call = event.call;
        let (socket, event) = event_of(event);
        run(call, async move { event_outcome(handle(&socket, event).await.into_reply()) })
    }

    fn disconnect(
        _call: CallId,
        socket: SocketId,
        namespace: String,
        _registration: u32,
        _reason: String,
        _details: Option<String>,
    ) -> Outcome {
        ended(disconnect(&socket_of(socket, namespace)))
    }

    fn timer(timer: TimerCall) -> Outcome {
        let call = timer.call;
        let timer = timer_of(timer);
        run(call, async move { ended(if timer.name() == "beat" { beat() } else { run_timer(&timer).await }) })
    }

    fn wake(tickets: Vec<Ticket>) {
        shared_calls::wake(&tickets);
    }

    fn snapshot(_instance: u32) -> std::result::Result<String, Failure> {
        snapshot().map_err(registration_failure)
    }

    fn restore(_instance: u32, state: String) -> std::result::Result<(), Failure> {
        restore(&state).map_err(registration_failure)
    }

    // What follows is never registered, so the host does not call it.

    fn connect_middleware(_call: CallId, _socket: SocketId, _namespace: String, _registration: u32) -> Verdict {
        Verdict::Pass
    }

    fn disconnecting(
        _call: CallId,
        _socket: SocketId,
        _namespace: String,
        _registration: u32,
        _reason: String,
        _details: Option<String>,
    ) -> Outcome {
        Outcome::Done(None)
    }

    fn server_event(_event: ServerEventCall) -> Outcome {
        Outcome::Done(None)
    }

    fn notice(_call: CallId, _name: String, _registration: Option<u32>, _socket: Option<SocketId>, _data: String) -> Outcome {
        Outcome::Done(None)
    }
}

/// What the next generation gets: what was counted, and who counted them.
fn snapshot() -> Result<String> {
    let act = plan()?.snapshot;
    act.follow()?;
    if act == Act::Large {
        return Ok(" ".repeat(TOO_MANY_BYTES));
    }
    Ok(serde_json::to_string(&memory::with(|memory| (version(), memory.hits, memory.ticks)))?)
}

fn restore(state: &str) -> Result<()> {
    plan()?.restore.follow()?;
    let (version, hits, ticks) = serde_json::from_str(state)?;
    memory::with(|memory| (memory.restored_from, memory.hits, memory.ticks) = (Some(version), hits, ticks));
    Ok(())
}

#[cfg(target_family = "wasm")]
innkeeper_plugin::bindings::export_component!(Exports with_types_in innkeeper_plugin::bindings);
// Natively there is nothing to export, but what was written is checked and counts as used.
#[cfg(not(target_family = "wasm"))]
const _: Exports = Exports;
