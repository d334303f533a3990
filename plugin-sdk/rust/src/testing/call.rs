//! One call of one plugin: it enters a new instance, and what it recorded leaves if it ends well.
//!
//! Each call has an instance of its own, since the memory of a plugin is a cache: what a test could only rely on by luck it cannot
//! rely on here at all.

use super::host_state::{HostState, SocketIndex};
use super::plugin::LoadedPlugin;
use super::queue::IncomingEvent;
use super::scheduler::{JobHandle, Resumption, Scheduler, Wait, WaitFor};
use super::timers::DueTimer;
use super::write::Write;
use super::{Line, limits};
use crate::bindings::innkeeper::plugin::arriving::{EventCall, TimerCall};
use crate::bindings::innkeeper::plugin::registering::Registration;
use crate::bindings::innkeeper::plugin::types::{self, Outcome, Target, Verdict};
use crate::error::{Error, Result};
use crate::exports;
use crate::payload::Payload;
use crate::router::Router;
use crate::socket::Socket;
use serde_json::Value;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The code of a failure to which its author gave none.
const INTERNAL_ERROR: &str = "INTERNAL_ERROR";

/// One entry into one export.
pub(super) struct Call {
    pub(super) entry: Export,
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
    JobStart,
    Timer(DueTimer),
}

/// How a call ended.
pub(super) enum CallOutcome {
    Done,
    Rewritten { name: String, payload: Payload },
    Rejected(Failure),
    Failed(Failure),
}

/// What the client is told.
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) data: Option<String>,
}

impl Failure {
    pub(super) fn neutral() -> Self {
        Self { code: INTERNAL_ERROR.to_owned(), message: "internal error".to_owned(), data: None }
    }

    pub(super) fn code(&self) -> Value {
        Value::from(if self.code.is_empty() { INTERNAL_ERROR } else { &*self.code })
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        Self { code: failure.code, message: failure.message, data: failure.data }
    }
}

/// What runs on this thread now.
struct ActiveCall {
    shared: Arc<Scheduler>,
    plugin: Arc<LoadedPlugin>,
    /// None while the plugin registers: then there is no call in which something could be done.
    call: Option<Recording>,
}

/// A call, and what it recorded.
pub(super) struct Recording {
    handle: Rc<JobHandle>,
    pub(super) plugin: Arc<LoadedPlugin>,
    pub(super) socket: Option<SocketIndex>,
    pub(super) connecting: Option<SocketIndex>,
    pub(super) recorded: Vec<Write>,
    recorded_bytes: usize,
    log_lines: usize,
    pub(super) ends_at: Duration,
}

thread_local! {
    static ACTIVE: RefCell<Option<ActiveCall>> = const { RefCell::new(None) };
}

/// A call that was ended where it stood.
struct Aborted;

/// What an export returned.
enum ExportResult {
    Outcome(Outcome),
    Verdict(Verdict),
}

/// Asks a plugin what it is.
pub(super) fn register(shared: &Arc<Scheduler>, plugin: Arc<LoadedPlugin>) -> Registration {
    let make = plugin.make.clone();
    let outer = ACTIVE.replace(Some(ActiveCall { shared: shared.clone(), plugin, call: None }));
    let registered = catch_unwind(AssertUnwindSafe(|| exports::register(&Router::new(make()))));
    ACTIVE.set(outer);
    registered.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs a call. What it wrote has left when this returns, or never will.
pub(super) fn run(handle: &Rc<JobHandle>, plugin: &Arc<LoadedPlugin>, call: Call) -> CallOutcome {
    let Call { entry, socket, connecting } = call;
    let (ends_at, place) = {
        let state = handle.shared.state();
        let place = socket.map(|socket| Socket::new(state.sockets[socket].id.clone(), state.sockets[socket].namespace.clone()));
        (state.now + state.call_limit, place)
    };
    let (handle, plugin) = (handle.clone(), plugin.clone());
    let recording = Recording {
        handle: handle.clone(),
        plugin: plugin.clone(),
        socket,
        connecting,
        recorded: Vec::new(),
        recorded_bytes: 0,
        log_lines: 0,
        ends_at,
    };
    let told = FailureReport { what: entry.describe(), plugin: plugin.name.clone(), to_nobody: entry.is_told_to_nobody() };
    let ack = entry.ack().zip(socket);
    ACTIVE.set(Some(ActiveCall { shared: handle.shared.clone(), plugin: plugin.clone(), call: Some(recording) }));
    let returned = catch_unwind(AssertUnwindSafe(|| enter(&plugin, place, entry)));
    let recorded = ACTIVE.take().and_then(|active| active.call).map(|call| call.recorded).unwrap_or_default();
    let mut state = handle.shared.state();
    match returned {
        Ok(returned) => conclude(&mut state, returned, ack, connecting, recorded, &told),
        Err(panic) => {
            told.log(&mut state, &cause(&*panic));
            CallOutcome::Failed(Failure::neutral())
        }
    }
}

/// What the log says of a failure.
struct FailureReport {
    what: String,
    plugin: String,
    /// Whether no client hears of a failure that the plugin itself reports.
    to_nobody: bool,
}

impl FailureReport {
    fn log(&self, state: &mut HostState, cause: &str) {
        let message = format!("{} failed: {cause}", self.what);
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

/// In a new instance: the plugin is made anew.
fn enter(plugin: &LoadedPlugin, place: Option<Socket>, entry: Export) -> ExportResult {
    let router = Router::new((plugin.make)());
    let event = |event: IncomingEvent, socket: &Socket| EventCall {
        call: 0,
        socket: socket.id().to_owned(),
        namespace: socket.namespace().to_owned(),
        name: event.name,
        payload: event.payload.into(),
        ack: event.ack,
    };
    match (entry, place) {
        (Export::JobStart, _) => ExportResult::Outcome(exports::start(&router)),
        (Export::Timer(DueTimer { name, data }), place) => {
            let (socket, namespace) = place.map(|place| (place.id().to_owned(), place.namespace().to_owned())).unzip();
            ExportResult::Outcome(exports::timer(&router, TimerCall { call: 0, name, socket, namespace, data }))
        }
        (Export::ConnectMiddleware, Some(socket)) => ExportResult::Verdict(exports::connect_middleware(&router, &socket)),
        (Export::Connection, Some(socket)) => ExportResult::Outcome(exports::connection(&router, &socket, "new")),
        (Export::EventMiddleware(incoming), Some(socket)) => {
            ExportResult::Verdict(exports::event_middleware(&router, event(incoming, &socket)))
        }
        (Export::Event(incoming), Some(socket)) => ExportResult::Outcome(exports::event(&router, event(incoming, &socket))),
        (Export::Disconnecting(reason), Some(socket)) => ExportResult::Outcome(exports::disconnecting(&router, &socket, &reason)),
        (Export::Disconnect(reason), Some(socket)) => ExportResult::Outcome(exports::disconnect(&router, &socket, &reason)),
        // All that is left concerns a socket, and has one.
        (_, None) => ExportResult::Outcome(Outcome::Done(None)),
    }
}

/// What was recorded leaves, the ack that was returned last; or is dropped.
fn conclude(
    state: &mut HostState,
    returned: ExportResult,
    ack: Option<(u64, SocketIndex)>,
    connecting: Option<SocketIndex>,
    mut recorded: Vec<Write>,
    told: &FailureReport,
) -> CallOutcome {
    let ended = match returned {
        ExportResult::Outcome(Outcome::Failed(failure)) | ExportResult::Verdict(Verdict::Failed(failure)) => {
            if told.to_nobody {
                told.log(state, &failure.message);
            }
            return CallOutcome::Failed(failure.into());
        }
        ExportResult::Outcome(Outcome::Done(reply)) => {
            let reply = reply.zip(ack);
            recorded.extend(reply.map(|(payload, (ack, socket))| Write::Ack { socket, ack, payload: payload.into() }));
            CallOutcome::Done
        }
        ExportResult::Verdict(Verdict::Reject(failure)) => CallOutcome::Rejected(failure.into()),
        ExportResult::Verdict(Verdict::Rewrite(rewrite)) if limits::is_reserved(&rewrite.name) => {
            told.log(state, &format!("it rewrote an event to the reserved name {:?}", rewrite.name));
            return CallOutcome::Failed(Failure::neutral());
        }
        ExportResult::Verdict(Verdict::Rewrite(rewrite)) => {
            CallOutcome::Rewritten { name: rewrite.name, payload: rewrite.payload.into() }
        }
        // A plugin of this SDK never answers that it waits.
        ExportResult::Verdict(Verdict::Pass | Verdict::Waiting) | ExportResult::Outcome(Outcome::Waiting) => CallOutcome::Done,
    };
    state.send(connecting, recorded);
    ended
}

impl Export {
    /// For the log.
    fn describe(&self) -> String {
        match self {
            Self::ConnectMiddleware => "connect-middleware".to_owned(),
            Self::Connection => "connection".to_owned(),
            Self::EventMiddleware(event) => format!("event-middleware of {:?}", event.name),
            Self::Event(event) => format!("event {:?}", event.name),
            Self::Disconnecting(_) => "disconnecting".to_owned(),
            Self::Disconnect(_) => "disconnect".to_owned(),
            Self::JobStart => "start".to_owned(),
            Self::Timer(due) => format!("timer {:?}", due.name),
        }
    }

    fn is_told_to_nobody(&self) -> bool {
        !matches!(self, Self::ConnectMiddleware | Self::EventMiddleware(_) | Self::Event(_))
    }

    fn ack(&self) -> Option<u64> {
        match self {
            Self::Event(event) => event.ack,
            _ => None,
        }
    }
}

/// Does something in the call that runs on this thread, as an import of the host would.
pub(super) fn with<T>(run: impl FnOnce(&mut Recording, &mut HostState) -> Result<T>) -> Result<T> {
    active(|active| {
        let ActiveCall { shared, call, .. } = active;
        match call {
            Some(call) => run(call, &mut shared.state()),
            None => Err(Error::host("invalid", "there is no call in which this could be done")),
        }
    })
}

/// The same for what can be done at any time.
pub(super) fn with_state<T>(run: impl FnOnce(&LoadedPlugin, &mut HostState) -> T) -> T {
    active(|active| run(&active.plugin, &mut active.shared.state()))
}

/// Waits until it is time, or, with a question, until all have answered. What was recorded leaves first.
pub(super) fn wait(waits_for: WaitFor, until: Duration) -> Result<()> {
    let (handle, wait) = active(|active| {
        let call = active.call.as_mut();
        call.map(|call| (call.handle.clone(), Wait { waits_for, until, ends_at: call.ends_at }))
    })
    .ok_or_else(|| Error::host("invalid", "there is no call in which this could be done"))?;
    match handle.wait(wait) {
        Resumption::Continue => Ok(()),
        // Not a failure that a handler could go on from: its instance is gone.
        Resumption::Abort => resume_unwind(Box::new(Aborted)),
    }
}

/// Writes a line of the log, unless the call has had its share.
pub(super) fn log(line: impl FnOnce(&LoadedPlugin) -> Line) {
    active(|active| {
        let lines = active.call.as_mut().map_or(0, |call| {
            call.log_lines += 1;
            call.log_lines
        });
        if lines <= limits::LOG_LINES_MAX {
            active.shared.state().log.push(line(&active.plugin));
        }
    });
}

#[expect(clippy::panic, reason = "it is a mistake in the test, and says how to mend it")]
fn active<T>(run: impl FnOnce(&mut ActiveCall) -> T) -> T {
    ACTIVE.with_borrow_mut(|active| match active {
        Some(active) => run(active),
        None => panic!(
            "there is no host here: what a handler does it can only do in a call. In a test, make a host with \
             `innkeeper_plugin::testing::Host::new(plugin)`, and let a client emit the event"
        ),
    })
}

impl Recording {
    /// Records a write, unless the call has had its share.
    pub(super) fn record(&mut self, write: Write) -> Result<()> {
        if self.recorded.len() >= limits::WRITES_MAX {
            return Err(Error::host(
                "limit",
                format!("a call records at most {} writes (writes_per_call_max)", limits::WRITES_MAX),
            ));
        }
        let bytes = self.recorded_bytes + write.len();
        if bytes > limits::WRITE_BYTES_MAX {
            let most = limits::WRITE_BYTES_MAX;
            return Err(Error::host("limit", format!("a call records at most {most} bytes (write_bytes_per_call_max)")));
        }
        self.recorded_bytes = bytes;
        self.recorded.push(write);
        Ok(())
    }

    /// Sends what was recorded. From here on it is beyond recall.
    pub(super) fn flush(&mut self, state: &mut HostState) {
        self.recorded_bytes = 0;
        state.send(self.connecting, std::mem::take(&mut self.recorded));
        if let Some(socket) = self.connecting {
            state.open(socket);
        }
    }

    /// The socket of this id, if this plugin may know it.
    pub(super) fn find(&self, state: &HostState, id: &str) -> Result<Option<SocketIndex>> {
        if let Some(own) = self.socket.filter(|own| state.sockets[*own].id == id) {
            return Ok(Some(own));
        }
        let Some(found) = state.find(id) else { return Ok(None) };
        self.plugin.may_touch(&state.sockets[found].namespace)?;
        Ok(Some(found))
    }

    /// The same for reads, which need it to be there.
    pub(super) fn socket(&self, state: &HostState, id: &str) -> Result<SocketIndex> {
        self.find(state, id)?.ok_or_else(|| Error::host("unknown", format!("there is no socket {id:?}")))
    }

    /// Checks whom a call means.
    pub(super) fn check_target(&self, state: &HostState, target: &Target) -> Result<()> {
        limits::rooms(&target.rooms)?;
        limits::rooms(&target.except)?;
        let own = self.socket.is_some_and(|own| state.sockets[own].namespace == target.namespace);
        if own {
            return Ok(());
        }
        self.plugin.may_touch(&target.namespace)?;
        if state.has_namespace(&target.namespace) {
            return Ok(());
        }
        Err(Error::host("unknown", format!("there is no namespace {:?}", target.namespace)))
    }
}
