//! The exports of a `shared` plugin. What one of them begins goes on in `wake` where it waits.

use innkeeper_plugin::bindings::innkeeper::plugin::types::Failure;
use innkeeper_plugin::bindings::{
    CallId, EventCall, Guest, Outcome, Registration, ServerEventCall, SocketId, Ticket, TimerCall, Verdict,
};
use innkeeper_plugin::component::log_panics;
use innkeeper_plugin::exports::{
    connect_verdict, ended, event_of, event_outcome, event_verdict, registration, registration_failure, server_event_of,
    socket_of, timer_of,
};
use innkeeper_plugin::{Ack, IntoReply, Reply};
use shared_calls::run;

use crate::{
    connect_middleware, connection, disconnect, disconnecting, handler, middleware, name, plugin, run_timer, server_event, start,
};

struct Exports;

impl Guest for Exports {
    fn register() -> Result<Registration, Failure> {
        log_panics();
        // Without a name it would serve nothing.
        name().map_err(registration_failure)?;
        Ok(registration(plugin(), "shared"))
    }

    fn start(_call: CallId, _instance: u32, _kind: String) -> Outcome {
        log_panics();
        ended(start())
    }

    fn connect_middleware(call: CallId, socket: SocketId, namespace: String, _registration: u32) -> Verdict {
        let socket = socket_of(socket, namespace);
        run(call, async move { connect_verdict(connect_middleware(&socket).await) })
    }

    fn connection(call: CallId, socket: SocketId, namespace: String, _registration: u32, _kind: String) -> Outcome {
        let socket = socket_of(socket, namespace);
        run(call, async move { ended(connection(&socket).await) })
    }

    fn event_middleware(event: EventCall) -> Verdict {
        let call = event.call;
        let (socket, mut event) = event_of(event);
        run(call, async move { event_verdict(middleware(&socket, &mut event).await, event) })
    }

    fn event(event: EventCall) -> Outcome {
        let (call, index) = (event.call, event.registration as usize);
        let (socket, event) = event_of(event);
        if event.name() == "registered" {
            let registered = registration(plugin(), "shared").namespaces.into_iter().nth(index);
            return event_outcome(Reply(registered.map(|namespace| namespace.name)).into_reply());
        }
        run(call, async move {
            let ack: Ack = event.ack().clone();
            match event.args() {
                Ok((plans,)) => event_outcome(handler(&socket, plans, ack).await.into_reply()),
                Err(misfit) => event_outcome(Err(misfit)),
            }
        })
    }

    fn disconnecting(
        call: CallId,
        socket: SocketId,
        namespace: String,
        _registration: u32,
        reason: String,
        _details: Option<String>,
    ) -> Outcome {
        let socket = socket_of(socket, namespace);
        run(call, async move { ended(disconnecting(&socket, &reason).await) })
    }

    fn disconnect(
        call: CallId,
        socket: SocketId,
        namespace: String,
        _registration: u32,
        reason: String,
        _details: Option<String>,
    ) -> Outcome {
        let socket = socket_of(socket, namespace);
        run(call, async move { ended(disconnect(&socket, &reason).await) })
    }

    fn timer(timer: TimerCall) -> Outcome {
        let call = timer.call;
        let timer = timer_of(timer);
        run(call, async move { ended(run_timer(&timer).await) })
    }

    fn server_event(event: ServerEventCall) -> Outcome {
        let call = event.call;
        let event = server_event_of(event);
        run(call, async move { event_outcome(server_event(&event).await.into_reply()) })
    }

    fn wake(tickets: Vec<Ticket>) {
        shared_calls::wake(&tickets);
    }

    // What follows is never registered, so the host does not call it.

    fn notice(_call: CallId, _name: String, _registration: Option<u32>, _socket: Option<SocketId>, _data: String) -> Outcome {
        Outcome::Done(None)
    }

    fn snapshot(_instance: u32) -> Result<String, Failure> {
        Ok(String::new())
    }

    fn restore(_instance: u32, _state: String) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(target_family = "wasm")]
innkeeper_plugin::bindings::export_component!(Exports with_types_in innkeeper_plugin::bindings);
// Natively there is nothing to export, but what was written is checked and counts as used.
#[cfg(not(target_family = "wasm"))]
const _: Exports = Exports;
