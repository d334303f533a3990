//! The rules of dispatch, with plugins that are closures and a sink that is a list.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{DispatchLimits, Dispatcher, Queue};
use crate::adapter::{Adapter, Handshake, Sink, Socket, SocketId, SocketState};
use crate::effect::{Flags, LocalEffects, Overlay, Write};
use crate::frame::Frame;
use crate::packet::{EncodedPacket, Message, Payload};
use crate::plugin::{Call, CallOutcome, Event, Export, Failure, Hook, NamespaceRegistration, Registry, Runner, Subscription};
use crate::reason::DisconnectReason;
use crate::request::Request;

type Answer = Pin<Box<dyn Future<Output = CallOutcome> + Send>>;
type Script = Box<dyn Fn(Call) -> Answer + Send + Sync>;

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
            Export::Connection { .. } => "connection".to_owned(),
            Export::EventMiddleware(event) => format!("before {}", event.name),
            Export::Event(event) => event.name.clone(),
            Export::Disconnecting(disconnection) => format!("disconnecting {}", disconnection.reason.as_str()),
            Export::Disconnect(disconnection) => format!("disconnect {}", disconnection.reason.as_str()),
            Export::Start { .. } => "start".to_owned(),
            Export::Timer(timer) => format!("timer {}", timer.id.name),
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
struct Wire(Mutex<Vec<String>>);

impl Sink for Wire {
    fn enqueue(&self, is_closed: &AtomicBool, packet: &EncodedPacket, _volatile: bool) {
        if !is_closed.load(SeqCst) {
            let texts = packet.frames().iter().map(|frame| String::from_utf8_lossy(frame.packet()).into_owned());
            self.0.lock().unwrap().extend(texts);
        }
    }

    fn close_socket(&self, is_closed: &AtomicBool, last: Option<Frame>) {
        if let Some(last) = last {
            self.enqueue(is_closed, &EncodedPacket::Text(last), false);
        }
        is_closed.store(true, SeqCst);
    }

    fn close_connection(&self) {}

    fn wake(&self) {}

    fn transport(&self) -> &'static str {
        "websocket"
    }
}

/// A dispatcher with one pending socket on `/`.
struct Scene {
    dispatcher: Arc<Dispatcher>,
    queue: Queue,
    socket: Arc<Socket>,
    wire: Arc<Wire>,
    calls: Arc<Mutex<Vec<String>>>,
}

fn scene(plugins: Vec<(&str, Script)>) -> Scene {
    scene_with(plugins, false)
}

/// Everything that can be is overtakable.
fn overtakable_scene(plugins: Vec<(&str, Script)>) -> Scene {
    scene_with(plugins, true)
}

fn scene_with(plugins: Vec<(&str, Script)>, overtakable: bool) -> Scene {
    let calls: Arc<Mutex<Vec<String>>> = Arc::default();
    let every = [Hook::ConnectMiddleware, Hook::Connection, Hook::EventMiddleware, Hook::Disconnecting, Hook::Disconnect];
    let registration = |name: &str| NamespaceRegistration {
        name: name.into(),
        hooks: HashSet::from(every),
        other_events: Some(Subscription { overtakable }),
        overtakable_connection: overtakable,
        is_listed: true,
        ..NamespaceRegistration::default()
    };
    let plugins: Vec<(Arc<dyn Runner>, _)> = plugins
        .into_iter()
        .map(|(name, script)| {
            let plugin: Arc<dyn Runner> = Arc::new(Scripted { name: name.into(), calls: calls.clone(), script });
            (plugin, vec![registration("/other"), registration("/")])
        })
        .collect();
    let limits = DispatchLimits { open_calls: 16, open_acks: 100 };
    let dispatcher = Arc::new(Dispatcher {
        registry: Arc::new(Registry::new(&plugins)),
        effects: Arc::new(LocalEffects::new(1000, None)),
        limits,
    });
    let wire: Arc<Wire> = Arc::default();
    let socket = Arc::new(Socket::new(SocketId::random().unwrap(), Adapter::default().namespace("/"), handshake(), wire.clone()));
    Scene { queue: Queue::connect(dispatcher.clone(), socket.clone()), dispatcher, socket, wire, calls }
}

fn handshake() -> Handshake {
    let (headers, query, url) = (Vec::new(), Vec::new(), "/socket.io/".into());
    let request = Request { headers, query, url, address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false };
    Handshake { request: Arc::new(request), auth: None, issued_ms: 0 }
}

impl Scene {
    fn poll(&mut self) -> Poll<()> {
        self.queue.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn event(&mut self, name: &str, ack: Option<u64>) {
        self.queue.push(Event { name: name.into(), payload: Payload { args: "[]".into(), attachments: Vec::new() }, ack });
    }

    fn received(&self) -> Vec<String> {
        std::mem::take(&mut *self.wire.0.lock().unwrap())
    }

    fn called(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn disconnect(&self, reason: DisconnectReason) {
        self.socket.namespace().lock().disconnect(&self.socket, reason, None);
    }
}

/// A script for the calls that `decide` has an answer for; all others end well.
fn script(decide: impl Fn(&Call) -> Option<CallOutcome> + Send + Sync + 'static) -> Script {
    Box::new(move |call| {
        let ended = decide(&call).unwrap_or(CallOutcome::Done);
        Box::pin(async { ended })
    })
}

fn succeeding() -> Script {
    script(|_| None)
}

fn failed(message: &str, broke: bool) -> CallOutcome {
    CallOutcome::Failed {
        failure: Failure { code: "TEA".into(), message: message.into(), data: Some(r#"{"pot":1,"code":"no"}"#.into()) },
        broke,
    }
}

fn about(call: &Call) -> Arc<Socket> {
    call.socket.clone().unwrap()
}

fn emit(call: &Call, name: &str) {
    let message = Message { name: name.into(), payload: Payload { args: "[]".into(), attachments: Vec::new() } };
    call.effects.apply(&mut vec![Write::emit(about(call), message, Flags::default())]);
}

fn ack(call: &Call) {
    let Export::Event(event) = &call.export else { return };
    let Some(ack) = event.ack else { return };
    let payload = Payload { args: "[1]".into(), attachments: Vec::new() };
    call.effects.apply(&mut vec![Write::ack(about(call), ack, payload)]);
}

#[tokio::test]
async fn what_is_written_before_the_socket_is_admitted_arrives_behind_connect() {
    let writing = |name: &'static str| {
        script(move |call| {
            match call.export {
                Export::ConnectMiddleware => emit(call, &format!("{name} middleware")),
                Export::Connection { .. } => emit(call, &format!("{name} connection")),
                _ => {}
            }
            None
        })
    };
    let mut scene = scene(vec![("a", writing("a")), ("b", writing("b"))]);
    assert!(scene.received().is_empty() && scene.socket.state() == SocketState::Pending);
    assert!(scene.poll().is_pending());
    let received = scene.received();
    assert_eq!(received.len(), 5);
    assert!(received[0].starts_with("40{\"sid\":"), "{received:?}");
    assert_eq!(
        received[1..],
        ["a middleware", "b middleware", "a connection", "b connection"].map(|name| format!("42[\"{name}\"]"))
    );
}

#[tokio::test]
async fn a_call_that_waits_admits_the_socket() {
    let waiting: Script = Box::new(|call| match call.export {
        Export::Connection { .. } => {
            call.effects.release();
            Box::pin(std::future::pending())
        }
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut scene = scene(vec![("a", waiting), ("b", succeeding())]);
    assert!(scene.poll().is_pending());
    assert_eq!(scene.socket.state(), SocketState::Connected);
    assert_eq!(scene.called(), ["a: middleware", "b: middleware", "a: connection"]);
}

#[tokio::test]
async fn a_refused_socket_leaves_no_trace() {
    let refusing = script(|call| {
        let refused = Failure { code: String::new(), message: "No token".into(), data: Some("[1]".into()) };
        matches!(call.export, Export::ConnectMiddleware).then_some(CallOutcome::Rejected(refused))
    });
    let mut scene = scene(vec![("a", refusing), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.received(), [r#"44{"message":"No token","data":[1]}"#]);
    assert_eq!(scene.called(), ["a: middleware"]);
}

#[tokio::test]
async fn middleware_that_says_it_failed_refuses_with_its_message() {
    let failing = script(|call| matches!(call.export, Export::ConnectMiddleware).then(|| failed("no users today", false)));
    let mut scene = scene(vec![("a", failing), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.received(), [r#"44{"message":"no users today","data":{"pot":1,"code":"no"}}"#]);
    assert_eq!(scene.called(), ["a: middleware"]);
}

#[tokio::test]
async fn no_further_middleware_is_called_once_the_client_has_gone() {
    let leaving = script(|call| {
        if let Export::ConnectMiddleware = call.export {
            let socket = about(call);
            socket.namespace().lock().disconnect(&socket, DisconnectReason::TransportClose, None);
        }
        None
    });
    let mut scene = scene(vec![("a", leaving), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    assert_eq!(scene.called(), ["a: middleware"]);
    assert!(scene.received().is_empty());
}

#[tokio::test]
async fn disconnect_is_called_for_the_plugins_that_the_chain_reached() {
    // The client disconnects while the first `connection` runs: the second plugin is not called for this socket.
    let leaving = script(|call| {
        if let Export::Connection { .. } = call.export {
            let socket = about(call);
            socket.namespace().lock().disconnect(&socket, DisconnectReason::TransportClose, None);
        }
        None
    });
    let mut scene = scene(vec![("a", leaving), ("b", succeeding())]);
    assert!(scene.poll().is_ready());
    let expected =
        ["a: middleware", "b: middleware", "a: connection", "a: disconnecting transport close", "a: disconnect transport close"];
    assert_eq!(scene.called(), expected);
    assert!(scene.received().is_empty());
}

#[tokio::test]
async fn one_failure_has_one_answer_after_the_last_handler() {
    let failing = script(|call| matches!(call.export, Export::Event(_)).then(|| failed("no", false)));
    let emitting = script(|call| {
        if let Export::Event(_) = call.export {
            emit(call, "third");
        }
        None
    });
    let mut scene = scene(vec![("a", succeeding()), ("b", failing), ("c", emitting)]);
    let _ = scene.poll();
    scene.received();
    scene.event("x", Some(7));
    scene.event("x", None);
    let _ = scene.poll();
    let expected = [
        r#"42["third"]"#,
        r#"437[{"code":"TEA","error":"no","pot":1,"success":false}]"#,
        r#"42["third"]"#,
        r#"42["error",{"code":"TEA","message":"no","pot":1}]"#,
    ];
    assert_eq!(scene.received(), expected);
}

#[tokio::test]
async fn a_failure_behind_an_answer_is_not_answered() {
    let failing = script(|call| matches!(call.export, Export::Event(_)).then(|| failed("no", false)));
    let answering = script(|call| {
        ack(call);
        None
    });
    let mut scene = scene(vec![("a", failing), ("b", answering)]);
    let _ = scene.poll();
    scene.received();
    scene.event("x", Some(1));
    let _ = scene.poll();
    assert_eq!(scene.received(), ["431[1]"]);
}

#[tokio::test]
async fn event_middleware_rewrites_and_rejects() {
    let renaming = script(|call| match &call.export {
        Export::EventMiddleware(event) if event.name == "old" => {
            Some(CallOutcome::Rewritten { name: "new".into(), payload: event.payload.clone() })
        }
        Export::EventMiddleware(event) if event.name == "bad" => Some(CallOutcome::Rejected(Failure::new("NO", "not here"))),
        _ => None,
    });
    let mut scene = scene(vec![("a", renaming), ("b", succeeding())]);
    let _ = scene.poll();
    scene.called();
    scene.received();
    scene.event("old", None);
    scene.event("bad", Some(2));
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before old", "b: before new", "a: new", "b: new", "a: before bad"]);
    assert_eq!(scene.received(), [r#"432[{"code":"NO","error":"not here","success":false}]"#]);
}

#[tokio::test]
async fn jobs_start_while_all_open_ones_wait_for_clients_up_to_the_bound() {
    let asking: Script = Box::new(|call| match call.export {
        Export::Event(_) => {
            call.progress.set_yields(true);
            Box::pin(std::future::pending())
        }
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut scene = scene(vec![("a", asking)]);
    let _ = scene.poll();
    scene.called();
    for _ in 0..20 {
        scene.event("ask", None);
    }
    let _ = scene.poll();
    assert_eq!(scene.called().iter().filter(|call| *call == "a: ask").count(), 16);
}

/// A plugin whose calls about `export` never end, and wait overtaken if they may.
fn sleeping(is_about: fn(&Export) -> bool) -> Script {
    Box::new(move |call| match is_about(&call.export) {
        true => {
            call.effects.release();
            call.progress.set_yields(call.progress.is_overtakable());
            Box::pin(std::future::pending())
        }
        false => Box::pin(async { CallOutcome::Done }),
    })
}

#[tokio::test]
async fn an_overtakable_handler_that_waits_lets_the_next_event_start_if_it_is_the_last_of_its_chain() {
    let event = |export: &Export| matches!(export, Export::Event(_));
    let mut last = overtakable_scene(vec![("a", succeeding()), ("b", sleeping(event))]);
    let _ = last.poll();
    last.called();
    for _ in 0..20 {
        last.event("x", None);
    }
    let _ = last.poll();
    assert_eq!(last.called().iter().filter(|call| *call == "b: x").count(), 16, "at most open_calls_per_socket at once");

    let mut first = overtakable_scene(vec![("a", sleeping(event)), ("b", succeeding())]);
    let _ = first.poll();
    first.called();
    first.event("one", None);
    first.event("two", None);
    let _ = first.poll();
    assert_eq!(first.called(), ["a: before one", "b: before one", "a: one"], "the other plugin still has the event");
}

#[tokio::test]
async fn an_overtakable_connection_that_waits_lets_the_first_event_start() {
    let connection = |export: &Export| matches!(export, Export::Connection { .. });
    for (mut scene, starts) in
        [(overtakable_scene(vec![("a", sleeping(connection))]), true), (scene(vec![("a", sleeping(connection))]), false)]
    {
        let _ = scene.poll();
        scene.event("x", None);
        let _ = scene.poll();
        assert_eq!(scene.called().contains(&"a: x".to_owned()), starts);
    }
}

#[tokio::test]
async fn middleware_is_never_overtaken() {
    let middleware = |export: &Export| matches!(export, Export::EventMiddleware(_));
    let mut scene = overtakable_scene(vec![("a", sleeping(middleware))]);
    let _ = scene.poll();
    scene.called();
    scene.event("one", None);
    scene.event("two", None);
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before one"]);
}

#[tokio::test]
async fn an_event_waits_for_the_one_before() {
    let stuck: Script = Box::new(|call| match call.export {
        Export::Event(_) => Box::pin(std::future::pending()),
        _ => Box::pin(async { CallOutcome::Done }),
    });
    let mut scene = scene(vec![("a", stuck)]);
    let _ = scene.poll();
    scene.called();
    scene.event("one", None);
    scene.event("two", None);
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before one", "a: one"]);
}

#[tokio::test]
async fn events_received_before_a_disconnect_still_run_unless_the_server_ended_it() {
    for (reason, runs) in [(DisconnectReason::TransportClose, true), (DisconnectReason::ServerNamespaceDisconnect, false)] {
        let mut scene = scene(vec![("a", succeeding())]);
        let _ = scene.poll();
        scene.called();
        scene.event("late", None);
        scene.disconnect(reason);
        assert!(scene.poll().is_ready());
        let called = scene.called();
        assert_eq!(called.contains(&"a: late".to_owned()), runs, "{reason:?}: {called:?}");
        assert_eq!(called.last(), Some(&format!("a: disconnect {}", reason.as_str())));
    }
}

#[tokio::test]
async fn rooms_are_readable_in_disconnecting_and_none_in_disconnect() {
    let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
    let list = seen.clone();
    let reading = script(move |call| {
        if let Export::Disconnecting(_) | Export::Disconnect(_) = &call.export {
            let recorded = [];
            let overlay = Overlay { effects: &*call.effects, recorded: &recorded, rooms_per_socket_max: 1000 };
            list.lock().unwrap().push(overlay.rooms(&about(call)).len());
        }
        None
    });
    let mut scene = scene(vec![("a", reading)]);
    let _ = scene.poll();
    scene.dispatcher.effects.apply(&mut vec![Write::Join { socket: scene.socket.clone(), rooms: vec!["lobby".into()] }]);
    scene.disconnect(DisconnectReason::ClientNamespaceDisconnect);
    assert!(scene.poll().is_ready());
    assert_eq!(*seen.lock().unwrap(), [2, 0]);
}

#[tokio::test]
async fn a_silent_failure_is_answered_by_nothing() {
    let failing = |code: &'static str| {
        script(move |call| match &call.export {
            Export::EventMiddleware(event) if event.name == "dropped" => Some(CallOutcome::Rejected(Failure::new(code, "no"))),
            Export::Event(_) => Some(CallOutcome::Failed { failure: Failure::new(code, "no"), broke: false }),
            _ => None,
        })
    };
    let mut scene = scene(vec![("a", failing("silent")), ("b", failing("TEA"))]);
    let _ = scene.poll();
    scene.received();
    scene.called();
    scene.event("dropped", Some(1));
    scene.event("dropped", None);
    let _ = scene.poll();
    assert_eq!(scene.called(), ["a: before dropped", "a: before dropped"]);
    assert!(scene.received().is_empty());
    // A failure of another handler is answered all the same.
    scene.event("x", Some(2));
    let _ = scene.poll();
    assert_eq!(scene.received(), [r#"432[{"code":"TEA","error":"no","success":false}]"#]);
}

#[tokio::test]
async fn each_call_has_the_index_of_its_registration() {
    let seen: Arc<Mutex<Vec<Option<u32>>>> = Arc::default();
    let list = seen.clone();
    let mut scene = scene(vec![(
        "a",
        script(move |call| {
            list.lock().unwrap().push(call.registration);
            None
        }),
    )]);
    let _ = scene.poll();
    scene.event("x", None);
    scene.disconnect(DisconnectReason::TransportClose);
    let _ = scene.poll();
    let seen = seen.lock().unwrap();
    assert!(seen.len() == 6 && seen.iter().all(|index| *index == Some(1)), "{seen:?}");
}
