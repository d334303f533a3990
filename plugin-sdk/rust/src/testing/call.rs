//! One call of one plugin: it enters a new instance, and what it recorded is sent if it ends well.
//!
//! Each call has an instance of its own, since the memory of a plugin is a cache: what a test could only rely on by luck it cannot
//! rely on here at all.

use super::call_host::{Aborted, CallHost};
use super::failure::Failure;
use super::host_state::HostState;
use super::ids::SocketIndex;
use super::line::Line;
use super::loaded_plugin::LoadedPlugin;
use super::queue::IncomingEvent;
use super::recording::Recording;
use super::scheduler::{JobHandle, Scheduler};
use super::timers::DueTimer;
use super::write::Write;
use crate::bindings::innkeeper::plugin::arriving::{EventCall, TimerCall};
use crate::bindings::innkeeper::plugin::registering::Registration;
use crate::bindings::innkeeper::plugin::types::{Outcome, Verdict};
use crate::exports;
use crate::host::with_host;
use crate::payload::Payload;
use crate::router::Router;
use crate::socket::Socket;
use innkeeper_contract::{events, hooks, kinds};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;

/// One entry into one export.
pub(super) struct Call {
    pub(super) export: Export,
    pub(super) socket: Option<SocketIndex>,
    /// The socket whose connect chain it belongs to.
    pub(super) connecting: Option<SocketIndex>,
}

/// The export that is entered.
pub(super) enum Export {
    ConnectMiddleware,
    Connection,
    EventMiddleware(IncomingEvent),
    Event(IncomingEvent),
    Disconnecting(String),
    Disconnect(String),
    Start,
    Timer(DueTimer),
}

/// How a call ended.
pub(super) enum CallOutcome {
    Done,
    /// Middleware lets another event through instead.
    Rewritten {
        name: String,
        payload: Payload,
    },
    Rejected(Failure),
    Failed(Failure),
}

/// What an export returned.
enum Returned {
    Outcome(Outcome),
    Verdict(Verdict),
}

/// Calls `register`.
pub(super) fn register(scheduler: &Arc<Scheduler>, plugin: &Arc<LoadedPlugin>) -> Registration {
    let host = Rc::new(CallHost::without_call(scheduler.clone(), plugin.clone()));
    let registered = with_host(host, || catch_unwind(AssertUnwindSafe(|| exports::register(&Router::new((plugin.make)())))));
    registered.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs a call. What it wrote has been sent when this returns, or never will be.
pub(super) fn run(job: &Rc<JobHandle>, plugin: &Arc<LoadedPlugin>, call: Call) -> CallOutcome {
    let Call { export, socket: index, connecting } = call;
    let (ends_at, socket) = {
        let state = job.scheduler.state();
        let socket = index.map(|index| Socket::new(state.sockets[index].id.clone(), state.sockets[index].namespace.clone()));
        (state.now + state.call_limit, socket)
    };
    let report =
        FailureReport { export: export.describe(), plugin: plugin.name.clone(), reaches_client: export.reaches_client() };
    let ack = export.ack().zip(index);
    let host = Rc::new(CallHost::new(job.clone(), Recording::new(plugin.clone(), index, connecting, ends_at)));
    let returned = with_host(host.clone(), || catch_unwind(AssertUnwindSafe(|| enter(plugin, socket, export))));
    let writes = host.take_writes();
    let mut state = job.scheduler.state();
    match returned {
        Ok(returned) => conclude(&mut state, returned, ack, connecting, writes, &report),
        Err(panic) => {
            report.log(&mut state, &cause(&*panic));
            CallOutcome::Failed(Failure::neutral())
        }
    }
}

/// What the log says of a failure.
struct FailureReport {
    export: String,
    plugin: String,
    /// Whether a client gets an answer when the plugin itself fails the call.
    reaches_client: bool,
}

impl FailureReport {
    fn log(&self, state: &mut HostState, cause: &str) {
        let message = format!("{} failed: {cause}", self.export);
        state.log.push(Line { level: "error".into(), plugin: self.plugin.clone(), message, fields: Vec::new() });
    }
}

fn cause(panic: &(dyn Any + Send)) -> String {
    if panic.is::<Aborted>() {
        return "it took longer than call_ms allows".to_owned();
    }
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_default())
}

/// Enters a new instance: the plugin is made anew.
fn enter(plugin: &LoadedPlugin, socket: Option<Socket>, export: Export) -> Returned {
    let router = Router::new((plugin.make)());
    let event = |event: IncomingEvent, socket: &Socket| EventCall {
        call: 0,
        socket: socket.id().to_owned(),
        namespace: socket.namespace().to_owned(),
        name: event.name,
        payload: event.payload.into(),
        ack: event.ack,
    };
    match (export, socket) {
        (Export::Start, _) => Returned::Outcome(exports::start(&router)),
        (Export::Timer(DueTimer { name, data }), socket) => {
            let (socket, namespace) = socket.map(|socket| (socket.id().to_owned(), socket.namespace().to_owned())).unzip();
            Returned::Outcome(exports::timer(&router, TimerCall { call: 0, name, socket, namespace, data }))
        }
        (Export::ConnectMiddleware, Some(socket)) => Returned::Verdict(exports::connect_middleware(&router, &socket)),
        (Export::Connection, Some(socket)) => Returned::Outcome(exports::connection(&router, &socket, kinds::NEW)),
        (Export::EventMiddleware(incoming), Some(socket)) => {
            Returned::Verdict(exports::event_middleware(&router, event(incoming, &socket)))
        }
        (Export::Event(incoming), Some(socket)) => Returned::Outcome(exports::event(&router, event(incoming, &socket))),
        (Export::Disconnecting(reason), Some(socket)) => Returned::Outcome(exports::disconnecting(&router, &socket, &reason)),
        (Export::Disconnect(reason), Some(socket)) => Returned::Outcome(exports::disconnect(&router, &socket, &reason)),
        // All that is left concerns a socket, and has one.
        (_, None) => Returned::Outcome(Outcome::Done(None)),
    }
}

/// Sends what was recorded, the ack that was returned last; or drops it.
fn conclude(
    state: &mut HostState,
    returned: Returned,
    ack: Option<(u64, SocketIndex)>,
    connecting: Option<SocketIndex>,
    mut writes: Vec<Write>,
    report: &FailureReport,
) -> CallOutcome {
    let outcome = match returned {
        Returned::Outcome(Outcome::Failed(failure)) | Returned::Verdict(Verdict::Failed(failure)) => {
            if !report.reaches_client {
                report.log(state, &failure.message);
            }
            return CallOutcome::Failed(failure.into());
        }
        Returned::Outcome(Outcome::Done(reply)) => {
            let reply = reply.zip(ack);
            writes.extend(reply.map(|(payload, (ack, socket))| Write::Ack { socket, ack, payload: payload.into() }));
            CallOutcome::Done
        }
        Returned::Verdict(Verdict::Reject(failure)) => CallOutcome::Rejected(failure.into()),
        Returned::Verdict(Verdict::Rewrite(rewrite)) if events::is_reserved(&rewrite.name) => {
            report.log(state, &format!("it rewrote an event to the reserved name {:?}", rewrite.name));
            return CallOutcome::Failed(Failure::neutral());
        }
        Returned::Verdict(Verdict::Rewrite(rewrite)) => {
            CallOutcome::Rewritten { name: rewrite.name, payload: rewrite.payload.into() }
        }
        // A plugin of this SDK never answers that it waits.
        Returned::Verdict(Verdict::Pass | Verdict::Waiting) | Returned::Outcome(Outcome::Waiting) => CallOutcome::Done,
    };
    state.send(connecting, writes);
    outcome
}

impl Export {
    /// For the log.
    fn describe(&self) -> String {
        match self {
            Self::ConnectMiddleware => hooks::CONNECT_MIDDLEWARE.to_owned(),
            Self::Connection => hooks::CONNECTION.to_owned(),
            Self::EventMiddleware(event) => format!("{} of {:?}", hooks::EVENT_MIDDLEWARE, event.name),
            Self::Event(event) => format!("event {:?}", event.name),
            Self::Disconnecting(_) => hooks::DISCONNECTING.to_owned(),
            Self::Disconnect(_) => hooks::DISCONNECT.to_owned(),
            Self::Start => hooks::START.to_owned(),
            Self::Timer(due) => format!("{} {:?}", hooks::TIMER, due.name),
        }
    }

    fn reaches_client(&self) -> bool {
        matches!(self, Self::ConnectMiddleware | Self::EventMiddleware(_) | Self::Event(_))
    }

    fn ack(&self) -> Option<u64> {
        match self {
            Self::Event(event) => event.ack,
            _ => None,
        }
    }
}
