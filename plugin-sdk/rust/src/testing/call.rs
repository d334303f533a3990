//! One call of one plugin: it enters a new instance, and what it recorded leaves if it ends well.
//!
//! Each call has an instance of its own, since the memory of a plugin is a cache: what a test could only rely on by luck it cannot
//! rely on here at all.

use super::plugin::Loaded;
use super::queue::Incoming;
use super::schedule::{Handle, Shared, Turn, Wait, WaitFor};
use super::timers::Due;
use super::world::{Number, World};
use super::write::Write;
use super::{Line, limits};
use crate::bindings::innkeeper::plugin::arriving::{EventCall, TimerCall};
use crate::bindings::innkeeper::plugin::registering::Registration;
use crate::bindings::innkeeper::plugin::types::{self, Outcome, Target, Verdict};
use crate::entry;
use crate::error::{Error, Result};
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
    pub(super) entry: Entry,
    pub(super) socket: Option<Number>,
    /// The socket whose connect chain it belongs to.
    pub(super) opening: Option<Number>,
}

/// The export that is entered.
pub(super) enum Entry {
    ConnectMiddleware,
    Connection,
    EventMiddleware(Incoming),
    Event(Incoming),
    Disconnecting(String),
    Disconnect(String),
    Start,
    Timer(Due),
}

/// How a call ended.
pub(super) enum Ended {
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
struct Active {
    shared: Arc<Shared>,
    plugin: Arc<Loaded>,
    /// None while the plugin registers: then there is no call in which something could be done.
    call: Option<Recording>,
}

/// A call, and what it recorded.
pub(super) struct Recording {
    handle: Rc<Handle>,
    pub(super) plugin: Arc<Loaded>,
    pub(super) socket: Option<Number>,
    pub(super) opening: Option<Number>,
    pub(super) recorded: Vec<Write>,
    recorded_bytes: usize,
    log_lines: usize,
    pub(super) ends_at: Duration,
}

thread_local! {
    static ACTIVE: RefCell<Option<Active>> = const { RefCell::new(None) };
}

/// A call that was ended where it stood.
struct GivenUp;

/// What an export returned.
enum Returned {
    Outcome(Outcome),
    Verdict(Verdict),
}

/// Asks a plugin what it is.
pub(super) fn register(shared: &Arc<Shared>, plugin: Arc<Loaded>) -> Registration {
    let make = plugin.make.clone();
    let outer = ACTIVE.replace(Some(Active { shared: shared.clone(), plugin, call: None }));
    let registered = catch_unwind(AssertUnwindSafe(|| entry::register(&Router::new(make()))));
    ACTIVE.set(outer);
    registered.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Runs a call. What it wrote has left when this returns, or never will.
pub(super) fn run(handle: &Rc<Handle>, plugin: &Arc<Loaded>, call: Call) -> Ended {
    let Call { entry, socket, opening } = call;
    let (ends_at, place) = {
        let world = handle.shared.world();
        let place = socket.map(|socket| Socket::new(world.sockets[socket].id.clone(), world.sockets[socket].namespace.clone()));
        (world.now + world.call_limit, place)
    };
    let (handle, plugin) = (handle.clone(), plugin.clone());
    let recording = Recording {
        handle: handle.clone(),
        plugin: plugin.clone(),
        socket,
        opening,
        recorded: Vec::new(),
        recorded_bytes: 0,
        log_lines: 0,
        ends_at,
    };
    let told = Told { what: entry.describe(), plugin: plugin.name.clone(), to_nobody: entry.is_told_to_nobody() };
    let ack = entry.ack().zip(socket);
    ACTIVE.set(Some(Active { shared: handle.shared.clone(), plugin: plugin.clone(), call: Some(recording) }));
    let returned = catch_unwind(AssertUnwindSafe(|| enter(&plugin, place, entry)));
    let recorded = ACTIVE.take().and_then(|active| active.call).map(|call| call.recorded).unwrap_or_default();
    let mut world = handle.shared.world();
    match returned {
        Ok(returned) => conclude(&mut world, returned, ack, opening, recorded, &told),
        Err(panic) => {
            told.log(&mut world, &cause(&*panic));
            Ended::Failed(Failure::neutral())
        }
    }
}

/// What the log says of a failure.
struct Told {
    what: String,
    plugin: String,
    /// Whether no client hears of a failure that the plugin itself reports.
    to_nobody: bool,
}

impl Told {
    fn log(&self, world: &mut World, cause: &str) {
        let message = format!("{} failed: {cause}", self.what);
        world.log.push(Line { level: "error".into(), plugin: self.plugin.clone(), message, fields: Vec::new() });
    }
}

fn cause(panic: &(dyn Any + Send)) -> String {
    if panic.is::<GivenUp>() {
        return "it took longer than call_ms allows".to_owned();
    }
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_default())
}

/// In a new instance: the plugin is made anew.
fn enter(plugin: &Loaded, place: Option<Socket>, entry: Entry) -> Returned {
    let router = Router::new((plugin.make)());
    let event = |event: Incoming, socket: &Socket| EventCall {
        call: 0,
        socket: socket.id().to_owned(),
        namespace: socket.namespace().to_owned(),
        name: event.name,
        payload: event.payload.into(),
        ack: event.ack,
    };
    match (entry, place) {
        (Entry::Start, _) => Returned::Outcome(entry::start(&router)),
        (Entry::Timer(Due { name, data }), place) => {
            let (socket, namespace) = place.map(|place| (place.id().to_owned(), place.namespace().to_owned())).unzip();
            Returned::Outcome(entry::timer(&router, TimerCall { call: 0, name, socket, namespace, data }))
        }
        (Entry::ConnectMiddleware, Some(socket)) => Returned::Verdict(entry::connect_middleware(&router, &socket)),
        (Entry::Connection, Some(socket)) => Returned::Outcome(entry::connection(&router, &socket, "new")),
        (Entry::EventMiddleware(incoming), Some(socket)) => {
            Returned::Verdict(entry::event_middleware(&router, event(incoming, &socket)))
        }
        (Entry::Event(incoming), Some(socket)) => Returned::Outcome(entry::event(&router, event(incoming, &socket))),
        (Entry::Disconnecting(reason), Some(socket)) => Returned::Outcome(entry::disconnecting(&router, &socket, &reason)),
        (Entry::Disconnect(reason), Some(socket)) => Returned::Outcome(entry::disconnect(&router, &socket, &reason)),
        // All that is left concerns a socket, and has one.
        (_, None) => Returned::Outcome(Outcome::Done(None)),
    }
}

/// What was recorded leaves, the ack that was returned last; or is dropped.
fn conclude(
    world: &mut World,
    returned: Returned,
    ack: Option<(u64, Number)>,
    opening: Option<Number>,
    mut recorded: Vec<Write>,
    told: &Told,
) -> Ended {
    let ended = match returned {
        Returned::Outcome(Outcome::Failed(failure)) | Returned::Verdict(Verdict::Failed(failure)) => {
            if told.to_nobody {
                told.log(world, &failure.message);
            }
            return Ended::Failed(failure.into());
        }
        Returned::Outcome(Outcome::Done(reply)) => {
            let reply = reply.zip(ack);
            recorded.extend(reply.map(|(payload, (ack, socket))| Write::Ack { socket, ack, payload: payload.into() }));
            Ended::Done
        }
        Returned::Verdict(Verdict::Reject(failure)) => Ended::Rejected(failure.into()),
        Returned::Verdict(Verdict::Rewrite(rewrite)) if limits::is_reserved(&rewrite.name) => {
            told.log(world, &format!("it rewrote an event to the reserved name {:?}", rewrite.name));
            return Ended::Failed(Failure::neutral());
        }
        Returned::Verdict(Verdict::Rewrite(rewrite)) => Ended::Rewritten { name: rewrite.name, payload: rewrite.payload.into() },
        // A plugin of this SDK never answers that it waits.
        Returned::Verdict(Verdict::Pass | Verdict::Waiting) | Returned::Outcome(Outcome::Waiting) => Ended::Done,
    };
    world.send(opening, recorded);
    ended
}

impl Entry {
    /// For the log.
    fn describe(&self) -> String {
        match self {
            Self::ConnectMiddleware => "connect-middleware".to_owned(),
            Self::Connection => "connection".to_owned(),
            Self::EventMiddleware(event) => format!("event-middleware of {:?}", event.name),
            Self::Event(event) => format!("event {:?}", event.name),
            Self::Disconnecting(_) => "disconnecting".to_owned(),
            Self::Disconnect(_) => "disconnect".to_owned(),
            Self::Start => "start".to_owned(),
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
pub(super) fn with<T>(run: impl FnOnce(&mut Recording, &mut World) -> Result<T>) -> Result<T> {
    active(|active| {
        let Active { shared, call, .. } = active;
        match call {
            Some(call) => run(call, &mut shared.world()),
            None => Err(Error::host("invalid", "there is no call in which this could be done")),
        }
    })
}

/// The same for what can be done at any time.
pub(super) fn with_world<T>(run: impl FnOnce(&Loaded, &mut World) -> T) -> T {
    active(|active| run(&active.plugin, &mut active.shared.world()))
}

/// Waits until it is time, or, with a question, until all have answered. What was recorded leaves first.
pub(super) fn wait(waits_for: WaitFor, until: Duration) -> Result<()> {
    let (handle, wait) = active(|active| {
        let call = active.call.as_mut();
        call.map(|call| (call.handle.clone(), Wait { waits_for, until, ends_at: call.ends_at }))
    })
    .ok_or_else(|| Error::host("invalid", "there is no call in which this could be done"))?;
    match handle.wait(wait) {
        Turn::GoOn => Ok(()),
        // Not a failure that a handler could go on from: its instance is gone.
        Turn::GiveUp => resume_unwind(Box::new(GivenUp)),
    }
}

/// Writes a line of the log, unless the call has had its share.
pub(super) fn log(line: impl FnOnce(&Loaded) -> Line) {
    active(|active| {
        let lines = active.call.as_mut().map_or(0, |call| {
            call.log_lines += 1;
            call.log_lines
        });
        if lines <= limits::LOG_LINES_MAX {
            active.shared.world().log.push(line(&active.plugin));
        }
    });
}

#[expect(clippy::panic, reason = "it is a mistake in the test, and says how to mend it")]
fn active<T>(run: impl FnOnce(&mut Active) -> T) -> T {
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
    pub(super) fn flush(&mut self, world: &mut World) {
        self.recorded_bytes = 0;
        world.send(self.opening, std::mem::take(&mut self.recorded));
        if let Some(socket) = self.opening {
            world.open(socket);
        }
    }

    /// The socket of this id, if this plugin may know it.
    pub(super) fn find(&self, world: &World, id: &str) -> Result<Option<Number>> {
        if let Some(own) = self.socket.filter(|own| world.sockets[*own].id == id) {
            return Ok(Some(own));
        }
        let Some(found) = world.find(id) else { return Ok(None) };
        self.plugin.may_touch(&world.sockets[found].namespace)?;
        Ok(Some(found))
    }

    /// The same for reads, which need it to be there.
    pub(super) fn socket(&self, world: &World, id: &str) -> Result<Number> {
        self.find(world, id)?.ok_or_else(|| Error::host("unknown", format!("there is no socket {id:?}")))
    }

    /// Checks whom a call means.
    pub(super) fn check_target(&self, world: &World, target: &Target) -> Result<()> {
        limits::rooms(&target.rooms)?;
        limits::rooms(&target.except)?;
        let own = self.socket.is_some_and(|own| world.sockets[own].namespace == target.namespace);
        if own {
            return Ok(());
        }
        self.plugin.may_touch(&target.namespace)?;
        if world.has_namespace(&target.namespace) {
            return Ok(());
        }
        Err(Error::host("unknown", format!("there is no namespace {:?}", target.namespace)))
    }
}
