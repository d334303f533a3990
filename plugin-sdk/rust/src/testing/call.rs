//! One call of one plugin: it enters a new instance, and what it recorded is sent if it ends well.
//!
//! Each call has an instance of its own, since the memory of a plugin is a cache: a test cannot rely on what a plugin could
//! rely on by luck alone.

use super::call_host::{Aborted, CallHost};
use super::failure::Failure;
use super::host_state::HostState;
use super::ids::{NodeIndex, SocketIndex};
use super::line::Line;
use super::loaded_plugin::LoadedPlugin;
use super::node_state::IncomingServerEvent;
use super::queue::IncomingEvent;
use super::recording::Recording;
use super::scheduler::{JobHandle, Scheduler};
use super::server_question::ServerReply;
use super::timers::{DueTimer, TimerId};
use super::write::Write;
use crate::bindings::innkeeper::plugin::arriving::{EventCall, ServerEventCall, TimerCall};
use crate::bindings::innkeeper::plugin::registering::Registration;
use crate::bindings::innkeeper::plugin::types::{Outcome, Verdict};
use crate::disconnect::Disconnect;
use crate::exports;
use crate::host::with_host;
use crate::payload::Payload;
use crate::router::Router;
use crate::runtime::in_new_instance;
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
    Disconnecting(Disconnect),
    Disconnect(Disconnect),
    Start,
    Timer(DueTimer),
    ServerEvent(IncomingServerEvent),
}

/// Where the payload goes that a call returns.
enum ReplyTo {
    Client { socket: SocketIndex, ack: u64 },
    Server(ServerReply),
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

/// The socket that a call is about, and the registration that serves it.
struct CalledSocket {
    socket: Socket,
    registration: u32,
}

/// What an export returned.
enum Returned {
    Outcome(Outcome),
    Verdict(Verdict),
}

/// Calls `register`. The error is the plugin's refusal.
pub(super) fn register(scheduler: &Arc<Scheduler>, plugin: &Arc<LoadedPlugin>) -> Result<Registration, String> {
    let host = Rc::new(CallHost::without_call(scheduler.clone(), plugin.clone()));
    let made = with_host(host, || in_new_instance(|| catch_unwind(AssertUnwindSafe(|| (plugin.make)()))));
    let made = made.unwrap_or_else(|panic| resume_unwind(panic));
    made.map(|plugin| exports::register(&Router::new(plugin))).map_err(|refusal| refusal.message().to_owned())
}

/// Runs a call. What it wrote has been sent when this returns, or never will be.
pub(super) fn run(job: &Rc<JobHandle>, plugin: &Arc<LoadedPlugin>, call: Call) -> CallOutcome {
    let Call { export, socket: index, connecting } = call;
    let (ends_at, socket) = {
        let state = job.scheduler.state();
        let socket = index.map(|index| &state.sockets[index]);
        let socket = socket.map(|socket| CalledSocket {
            socket: Socket::new(socket.id.clone(), socket.namespace.clone()),
            // A plugin is called about sockets of its own namespaces alone.
            registration: plugin.registration(&socket.namespace).unwrap_or(u32::MAX),
        });
        (state.now + state.call_limit, socket)
    };
    let report =
        FailureReport { export: export.describe(), plugin: plugin.name.clone(), reaches_client: export.reaches_client() };
    let reply_to = export.reply_to(index);
    let mut recording = Recording::new(plugin.clone(), index, connecting, ends_at);
    recording.event = export.event().map(str::to_owned);
    let host = Rc::new(CallHost::new(job.clone(), recording));
    let run = || in_new_instance(|| catch_unwind(AssertUnwindSafe(|| enter(plugin, socket, export))));
    let returned = with_host(host.clone(), run);
    let writes = host.take_writes();
    let mut state = job.scheduler.state();
    match returned {
        Ok(returned) => conclude(&mut state, returned, reply_to, (plugin.node, connecting), writes, &report),
        Err(panic) => {
            report.log(&mut state, &cause(&*panic));
            CallOutcome::Failed(Failure::neutral())
        }
    }
}

/// The line of the log for a failure.
struct FailureReport {
    export: String,
    plugin: String,
    /// Whether a client gets an answer when the plugin itself fails the call.
    reaches_client: bool,
}

impl FailureReport {
    fn log(&self, state: &mut HostState, cause: &str) {
        self.write(state, "error", format!("{} failed: {cause}", self.export));
    }

    fn log_silent(&self, state: &mut HostState, cause: &str) {
        self.write(state, "debug", format!("{} was refused silently: {cause}", self.export));
    }

    fn write(&self, state: &mut HostState, level: &str, message: String) {
        state.log.push(Line { level: level.into(), plugin: self.plugin.clone(), message, fields: Vec::new(), event: None });
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
fn enter(plugin: &LoadedPlugin, called: Option<CalledSocket>, export: Export) -> Returned {
    let router = match (plugin.make)() {
        Ok(plugin) => Router::new(plugin),
        // The plugin registered with the same configuration.
        Err(refusal) => return Returned::Outcome(Outcome::Failed(refusal.into_refusal())),
    };
    match (export, called) {
        (Export::Start, _) => Returned::Outcome(exports::start(&router)),
        (Export::ServerEvent(event), _) => Returned::Outcome(exports::server_event(&router, server_event_call(plugin, event))),
        (Export::Timer(due), called) => Returned::Outcome(exports::timer(&router, timer_call(due, called))),
        // All that is left concerns a socket, and has one.
        (_, None) => Returned::Outcome(Outcome::Done(None)),
        (export, Some(called)) => enter_for_socket(&router, called, export),
    }
}

fn enter_for_socket(router: &Router, called: CalledSocket, export: Export) -> Returned {
    let CalledSocket { socket, registration } = &called;
    match export {
        Export::ConnectMiddleware => Returned::Verdict(exports::connect_middleware(router, *registration, socket)),
        Export::Connection => Returned::Outcome(exports::connection(router, *registration, socket, kinds::NEW)),
        Export::EventMiddleware(event) => Returned::Verdict(exports::event_middleware(router, event_call(event, &called))),
        Export::Event(event) => Returned::Outcome(exports::event(router, event_call(event, &called))),
        Export::Disconnecting(disconnect) => {
            Returned::Outcome(exports::disconnecting(router, *registration, socket, &disconnect))
        }
        Export::Disconnect(disconnect) => Returned::Outcome(exports::disconnect(router, *registration, socket, &disconnect)),
        Export::Start | Export::Timer(_) | Export::ServerEvent(_) => Returned::Outcome(Outcome::Done(None)),
    }
}

fn event_call(event: IncomingEvent, called: &CalledSocket) -> EventCall {
    EventCall {
        call: 0,
        socket: called.socket.id().to_owned(),
        namespace: called.socket.namespace().to_owned(),
        registration: called.registration,
        name: event.name,
        payload: event.payload.into(),
        ack: event.ack,
        extra: Vec::new(),
    }
}

fn server_event_call(plugin: &LoadedPlugin, event: IncomingServerEvent) -> ServerEventCall {
    let IncomingServerEvent { namespace, name, payload, .. } = event;
    // Only a plugin that registered the event gets it.
    let registration = plugin.registration(&namespace).unwrap_or(u32::MAX);
    ServerEventCall { call: 0, namespace, registration, name, payload: payload.into(), extra: Vec::new() }
}

fn timer_call(due: DueTimer, called: Option<CalledSocket>) -> TimerCall {
    let DueTimer { id: TimerId { name, key }, data } = due;
    let registration = called.as_ref().map(|called| called.registration);
    let (socket, namespace) = called.map(|called| (called.socket.id().to_owned(), called.socket.namespace().to_owned())).unzip();
    TimerCall { call: 0, name, key, socket, namespace, registration, data }
}

/// Sends what was recorded, the ack that was returned last; or drops it.
fn conclude(
    state: &mut HostState,
    returned: Returned,
    reply_to: Option<ReplyTo>,
    (node, connecting): (NodeIndex, Option<SocketIndex>),
    mut writes: Vec<Write>,
    report: &FailureReport,
) -> CallOutcome {
    let outcome = match returned {
        Returned::Outcome(Outcome::Failed(failure)) | Returned::Verdict(Verdict::Failed(failure)) => {
            let failure = Failure::from(failure);
            if failure.is_silent() {
                report.log_silent(state, &failure.message);
            } else if !report.reaches_client {
                report.log(state, &failure.message);
            }
            return CallOutcome::Failed(failure);
        }
        Returned::Outcome(Outcome::Done(reply)) => {
            let reply = reply.zip(reply_to);
            writes.extend(reply.map(|(payload, reply_to)| reply_to.write(payload.into())));
            CallOutcome::Done
        }
        Returned::Verdict(Verdict::Reject(failure)) => {
            let failure = Failure::from(failure);
            if failure.is_silent() {
                report.log_silent(state, &failure.message);
            }
            CallOutcome::Rejected(failure)
        }
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
    state.send(node, connecting, writes);
    outcome
}

impl ReplyTo {
    fn write(self, payload: Payload) -> Write {
        match self {
            Self::Client { socket, ack } => Write::Ack { socket, ack, payload },
            Self::Server(reply) => Write::ServerAnswer { reply, payload },
        }
    }
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
            Self::Timer(due) => format!("{} {:?}", hooks::TIMER, due.id.name),
            Self::ServerEvent(event) => format!("server-event {:?}", event.name),
        }
    }

    /// The name of the event that it is about.
    fn event(&self) -> Option<&str> {
        match self {
            Self::EventMiddleware(event) | Self::Event(event) => Some(&event.name),
            _ => None,
        }
    }

    fn reaches_client(&self) -> bool {
        matches!(self, Self::ConnectMiddleware | Self::EventMiddleware(_) | Self::Event(_))
    }

    fn reply_to(&self, socket: Option<SocketIndex>) -> Option<ReplyTo> {
        match self {
            Self::Event(event) => event.ack.zip(socket).map(|(ack, socket)| ReplyTo::Client { socket, ack }),
            Self::ServerEvent(event) => event.reply.map(ReplyTo::Server),
            _ => None,
        }
    }
}
