//! The scene of the tests: plugins that are closures, a sink that is a list, and one socket with its queue.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::adapter::{Adapter, Handshake, Sink, Socket, SocketId};
use crate::dispatch::{DispatchLimits, Dispatcher, Queue};
use crate::effect::{Flags, LocalEffects, Write};
use crate::frame::{Frame, SocketShare};
use crate::packet::{EncodedPacket, Message, Payload};
use crate::plugin::{
    Call, CallOutcome, Event, Export, Failure, FailureKind, Hook, NamespaceRegistration, Registry, Replaced, Runner, Subscription,
};
use crate::reason::DisconnectReason;
use crate::request::Request;

pub(super) type Answer = Pin<Box<dyn Future<Output = CallOutcome> + Send>>;
pub(super) type Script = Box<dyn Fn(Call) -> Answer + Send + Sync>;

/// A plugin that does what its script says, and lists its calls.
struct Scripted {
    name: Arc<str>,
    calls: Arc<Mutex<Vec<String>>>,
    script: Script,
}

impl Runner for Scripted {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn call(self: Arc<Self>, call: Call) -> Answer {
        let what = match &call.export {
            Export::ConnectMiddleware => "middleware".to_owned(),
            Export::Connection { kind: "resumed" } => "resumed".to_owned(),
            Export::Connection { .. } => "connection".to_owned(),
            Export::EventMiddleware(event) => format!("before {}", event.name),
            Export::Event(event) => event.name.clone(),
            Export::Disconnecting(disconnection) => format!("disconnecting {}", disconnection.reason.as_str()),
            Export::Disconnect(disconnection) => format!("disconnect {}", disconnection.reason.as_str()),
            Export::Start { .. } => "start".to_owned(),
            Export::Timer(timer) => format!("timer {}", timer.id.name),
            Export::ServerEvent(event) => format!("server-event {}", event.message.name),
            Export::Wake | Export::Snapshot | Export::Restore => "none of dispatch".to_owned(),
        };
        self.calls.lock().unwrap().push(format!("{}: {what}", self.name));
        (self.script)(call)
    }

    fn call_limit(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// What a client would have received.
#[derive(Default)]
pub(super) struct Wire {
    packets: Mutex<Vec<String>>,
    is_closed: AtomicBool,
}

impl Sink for Wire {
    fn open_socket(&self) -> SocketShare {
        SocketShare::CONNECTION
    }

    fn enqueue(&self, _owner: SocketShare, packet: &EncodedPacket, _volatile: bool) {
        if !self.is_closed.load(SeqCst) {
            let texts = packet.frames().iter().map(|frame| String::from_utf8_lossy(frame.packet()).into_owned());
            self.packets.lock().unwrap().extend(texts);
        }
    }

    fn close_socket(&self, owner: SocketShare, last: Option<Frame>) {
        if let Some(last) = last {
            self.enqueue(owner, &EncodedPacket::Text(last), false);
        }
        self.is_closed.store(true, SeqCst);
    }

    fn close_connection(&self) {}

    fn wake_other(&self, _task: Waker) {}

    fn wake(&self) {}

    fn connection(&self) -> u64 {
        1
    }

    fn transport(&self) -> &'static str {
        "websocket"
    }
}

/// A dispatcher with one pending socket.
pub(super) struct Scene {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) adapter: Adapter,
    queue: Queue,
    pub(super) socket: Arc<Socket>,
    wire: Arc<Wire>,
    calls: Arc<Mutex<Vec<String>>>,
}

pub(super) fn scene(plugins: Vec<(&str, Script)>) -> Scene {
    scene_with(plugins, "/", false)
}

/// The socket is on `/room`, and each plugin serves that.
pub(super) fn room_scene(plugins: Vec<(&str, Script)>) -> Scene {
    scene_with(plugins, "/room", false)
}

/// Everything that can be is overtakable.
pub(super) fn overtakable_scene(plugins: Vec<(&str, Script)>) -> Scene {
    scene_with(plugins, "/", true)
}

fn scene_with(plugins: Vec<(&str, Script)>, namespace: &str, overtakable: bool) -> Scene {
    let calls: Arc<Mutex<Vec<String>>> = Arc::default();
    let plugins = plugins.into_iter().map(|(name, script)| plugin(name.into(), namespace, overtakable, &calls, script));
    let limits = DispatchLimits { open_calls: 16, open_acks: 100 };
    let dispatcher = Arc::new(Dispatcher {
        registry: Arc::new(Registry::new(&plugins.collect::<Vec<_>>())),
        effects: Arc::new(LocalEffects::new(1000, None, Arc::default())),
        limits,
        limit_hits: Arc::default(),
    });
    let (wire, adapter): (Arc<Wire>, _) = (Arc::default(), Adapter::default());
    let socket = Arc::new(Socket::new(SocketId::random().unwrap(), adapter.namespace(namespace), handshake(), wire.clone()));
    Scene { queue: Queue::connect(dispatcher.clone(), socket.clone()), dispatcher, adapter, socket, wire, calls }
}

/// A plugin with all hooks on a namespace, and on another one before it.
fn plugin(
    name: Arc<str>,
    namespace: &str,
    overtakable: bool,
    calls: &Arc<Mutex<Vec<String>>>,
    script: Script,
) -> (Arc<dyn Runner>, Vec<NamespaceRegistration>) {
    let every = [Hook::ConnectMiddleware, Hook::Connection, Hook::EventMiddleware, Hook::Disconnecting, Hook::Disconnect];
    let registration = |name: &str| NamespaceRegistration {
        name: name.into(),
        hooks: every.to_vec(),
        other_events: Some(Subscription { overtakable }),
        overtakable_connection: overtakable,
        is_listed: true,
        ..NamespaceRegistration::default()
    };
    (Arc::new(Scripted { name, calls: calls.clone(), script }), vec![registration("/other"), registration(namespace)])
}

fn handshake() -> Handshake {
    let request = Request::new(std::iter::empty(), "/socket.io/", IpAddr::V4(Ipv4Addr::LOCALHOST));
    Handshake { request: Arc::new(request), auth: None, issued_ms: 0 }
}

impl Scene {
    pub(super) fn poll(&mut self) -> Poll<()> {
        self.queue.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// A new pending socket on the same namespace takes the place of this one.
    pub(super) fn connect_again(&mut self) {
        self.wire = Arc::default();
        let namespace = self.socket.namespace().clone();
        self.socket = Arc::new(Socket::new(SocketId::random().unwrap(), namespace, handshake(), self.wire.clone()));
        self.queue = Queue::connect(self.dispatcher.clone(), self.socket.clone());
    }

    /// From now on these plugins serve, each on one namespace.
    pub(super) fn replace(&self, plugins: Vec<(Arc<str>, &str, Script)>) -> Replaced {
        let plugins = plugins.into_iter();
        let plugins = plugins.map(|(name, namespace, script)| plugin(name, namespace, false, &self.calls, script));
        self.dispatcher.registry.replace(&plugins.collect::<Vec<_>>())
    }

    /// The name that all generations of a plugin have.
    pub(super) fn name_of(&self, plugin: &str) -> Arc<str> {
        self.dispatcher.registry.plugin(plugin).unwrap().name().clone()
    }

    pub(super) fn event(&mut self, name: &str, ack: Option<u64>) {
        self.queue.push(Event { name: name.into(), payload: Payload { args: "[]".into(), attachments: Vec::new() }, ack });
    }

    pub(super) fn received(&self) -> Vec<String> {
        std::mem::take(&mut *self.wire.packets.lock().unwrap())
    }

    /// Drops the queue and the open calls in it, and returns what the client would have received.
    pub(super) fn end(self) -> Vec<String> {
        let Self { queue, wire, .. } = self;
        drop(queue);
        std::mem::take(&mut *wire.packets.lock().unwrap())
    }

    pub(super) fn called(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    pub(super) fn disconnect(&self, reason: DisconnectReason) {
        self.socket.namespace().lock().disconnect(&self.socket, reason, None);
    }
}

/// A script for the calls that `decide` has an answer for; all others end well.
pub(super) fn script(decide: impl Fn(&Call) -> Option<CallOutcome> + Send + Sync + 'static) -> Script {
    Box::new(move |call| {
        let ended = decide(&call).unwrap_or(CallOutcome::Done);
        Box::pin(async { ended })
    })
}

pub(super) fn succeeding() -> Script {
    script(|_| None)
}

pub(super) fn failed(message: &str) -> CallOutcome {
    CallOutcome::Failed {
        failure: Failure { code: "TEA".into(), message: message.into(), data: Some(r#"{"pot":1,"code":"no"}"#.into()) },
        kind: FailureKind::Reported,
    }
}

pub(super) fn about(call: &Call) -> Arc<Socket> {
    call.socket.clone().unwrap()
}

pub(super) fn emit(call: &Call, name: &str) {
    let message = Message { name: name.into(), payload: Payload { args: "[]".into(), attachments: Vec::new() } };
    call.effects.apply(&mut vec![Write::emit(about(call), message, Flags::default())]);
}

pub(super) fn ack(call: &Call) {
    let Export::Event(event) = &call.export else { return };
    let Some(ack) = event.ack else { return };
    let payload = Payload { args: "[1]".into(), attachments: Vec::new() };
    call.effects.apply(&mut vec![Write::ack(about(call), ack, payload)]);
}

/// A plugin whose calls about `export` never end, and wait overtaken if they may.
pub(super) fn sleeping(is_about: fn(&Export) -> bool) -> Script {
    Box::new(move |call| match is_about(&call.export) {
        true => {
            call.effects.release_some();
            call.progress.set_yields(call.progress.is_overtakable());
            Box::pin(std::future::pending())
        }
        false => Box::pin(async { CallOutcome::Done }),
    })
}
