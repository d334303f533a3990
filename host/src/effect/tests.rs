//! What is applied, in which order, and what the publisher receives.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use super::publisher::Publisher;
use super::{Effects, Flags, LocalEffects, Overlay, Target, Write};
use crate::adapter::{Adapter, Handshake, Namespace, RoomFilter, Sink, Socket, SocketId};
use crate::frame::{Frame, SocketShare};
use crate::packet::{EncodedPacket, Message, Payload, connect_packet};
use crate::request::Request;

/// The packets that a client would have received.
#[derive(Default)]
struct Wire(Mutex<Vec<String>>);

impl Sink for Wire {
    fn open_socket(&self) -> SocketShare {
        SocketShare::CONNECTION
    }

    fn enqueue(&self, _owner: SocketShare, packet: &EncodedPacket, _volatile: bool) {
        let texts = packet.frames().iter().map(|frame| String::from_utf8_lossy(frame.packet()).into_owned());
        self.0.lock().unwrap().extend(texts);
    }

    fn close_socket(&self, _owner: SocketShare, _last: Option<Frame>) {}

    fn close_connection(&self) {}

    fn wake_other(&self, _task: std::task::Waker) {}

    fn wake(&self) {}

    fn connection(&self) -> u64 {
        1
    }

    fn transport(&self) -> &'static str {
        "websocket"
    }
}

/// A publisher that is a list.
#[derive(Default)]
struct List(Mutex<Vec<Vec<String>>>);

impl Publisher for List {
    fn publish(&self, writes: &mut [Write]) {
        let namespace = |write: &Write| {
            write.socket().map_or_else(|| write.namespace(), |socket| Some(socket.namespace())).unwrap().name().to_owned()
        };
        let published = writes.iter().map(|write| (namespace(write), write)).map(|(namespace, write)| match write {
            Write::Broadcast { target, message, .. } => {
                format!(
                    "{namespace} {} {} {:?} local {}",
                    message.name, message.payload.args, target.rooms.any, target.flags.local
                )
            }
            Write::Emit { message, flags, .. } => format!("{namespace} {} volatile {}", message.name, flags.volatile),
            Write::Join { rooms, .. } => format!("{namespace} join {rooms:?}"),
            Write::Ack { payload, .. } => format!("{namespace} ack {}", payload.args),
            _ => "another".to_owned(),
        });
        self.0.lock().unwrap().push(published.collect());
    }
}

struct Node {
    adapter: Adapter,
    effects: LocalEffects,
}

impl Node {
    fn new(rooms_per_socket_max: usize, publisher: Option<Arc<dyn Publisher>>) -> Self {
        Self { adapter: Adapter::default(), effects: LocalEffects::new(rooms_per_socket_max, publisher, Arc::default()) }
    }

    fn socket(&self, namespace: &str) -> (Arc<Socket>, Arc<Wire>) {
        let request = Request::new(std::iter::empty(), "/socket.io/", IpAddr::V4(Ipv4Addr::LOCALHOST));
        let handshake = Handshake { request: Arc::new(request), auth: None, issued_ms: 0 };
        let (wire, namespace): (Arc<Wire>, _) = (Arc::default(), self.adapter.namespace(namespace));
        let socket = Arc::new(Socket::new(SocketId::random().unwrap(), namespace, handshake, wire.clone()));
        let connect = connect_packet(socket.namespace().name(), socket.id().as_str());
        self.effects.admit(&socket, &connect, &mut VecDeque::new());
        wire.0.lock().unwrap().clear();
        (socket, wire)
    }

    fn apply(&self, writes: impl IntoIterator<Item = Write>) {
        self.effects.apply(&mut writes.into_iter().collect());
    }

    fn rooms(&self, socket: &Arc<Socket>) -> usize {
        socket.namespace().lock().rooms_of(socket.id()).unwrap().len()
    }
}

fn numbered(range: std::ops::Range<u32>) -> Vec<Box<str>> {
    range.map(|number| number.to_string().into()).collect()
}

fn everybody(namespace: &Arc<Namespace>) -> Target {
    Target { namespace: namespace.clone(), rooms: RoomFilter::default(), flags: Flags::default() }
}

fn message(name: &str) -> Message {
    Message { name: name.into(), payload: Payload { args: "[1]".into(), attachments: Vec::new() } }
}

#[test]
fn a_set_that_reaches_very_many_sockets_is_applied_in_parts_and_in_order() {
    let list: Arc<List> = Arc::default();
    let node = Node::new(1000, Some(list.clone()));
    let (ann, wire) = node.socket("/");
    list.0.lock().unwrap().clear();
    let count = 2 * super::local::DELIVERIES_PER_HOLD;
    let mut writes: VecDeque<_> =
        (0..count).map(|number| Write::broadcast(everybody(ann.namespace()), message(&number.to_string()))).collect();
    node.effects.apply_some(&mut writes);
    let first = wire.0.lock().unwrap().len();
    assert!(first > 0 && writes.len() == count - first && list.0.lock().unwrap().len() == 1);
    node.apply(writes);
    assert!(list.0.lock().unwrap().len() > 2);
    let received = std::mem::take(&mut *wire.0.lock().unwrap());
    assert_eq!(received, (0..count).map(|number| format!("42[\"{number}\",1]")).collect::<Vec<_>>());
}

#[test]
fn a_set_of_writes_is_published_whole_and_in_order() {
    let list: Arc<List> = Arc::default();
    let node = Node::new(1000, Some(list.clone()));
    let (ann, wire) = node.socket("/");
    let (bob, _) = node.socket("/chat");
    list.0.lock().unwrap().clear();
    let local = Flags { local: true, volatile: false };
    node.apply([
        Write::Join { socket: ann.clone(), rooms: vec!["lobby".into()] },
        Write::emit(ann.clone(), message("direct"), Flags { volatile: true, local: false }),
        Write::Join { socket: bob.clone(), rooms: vec!["there".into()] },
        Write::broadcast(
            Target {
                rooms: RoomFilter { any: vec!["lobby".into()], except: Vec::new() },
                flags: local,
                ..everybody(ann.namespace())
            },
            message("news"),
        ),
    ]);
    let published = std::mem::take(&mut *list.0.lock().unwrap());
    let set = [r#"/ join ["lobby"]"#, "/ direct volatile true", r#"/chat join ["there"]"#, r#"/ news [1] ["lobby"] local true"#];
    assert_eq!(published, [set.map(str::to_owned).to_vec()]);
    assert_eq!(*wire.0.lock().unwrap(), [r#"42["direct",1]"#, r#"42["news",1]"#]);

    ann.open_ack(4, 9);
    node.apply([Write::ack(ann.clone(), 4, message("").payload), Write::emit(ann, message("alone"), Flags::default())]);
    assert!(list.0.lock().unwrap().is_empty(), "what concerns one client only is not published");
}

#[test]
fn a_join_that_has_become_too_large_joins_no_room() {
    let node = Node::new(1000, None);
    let (ann, _) = node.socket("/");
    let (bob, _) = node.socket("/");
    // Two calls recorded them, each when the other was not applied.
    node.apply([Write::Join { socket: ann.clone(), rooms: numbered(0..600) }]);
    node.apply([Write::Join { socket: ann.clone(), rooms: numbered(600..1200) }]);
    assert_eq!(node.rooms(&ann), 601);
    node.apply([Write::JoinAll { target: everybody(ann.namespace()), rooms: numbered(500..1000) }]);
    assert_eq!((node.rooms(&ann), node.rooms(&bob)), (601, 501), "each socket is checked for itself");
    // For the first socket 399 of them are new, for the second 500.
    node.apply([Write::JoinAll { target: everybody(ann.namespace()), rooms: numbered(0..999) }]);
    assert_eq!((node.rooms(&ann), node.rooms(&bob)), (1000, 501));
}

#[test]
fn the_rooms_that_recorded_writes_join_are_counted_exactly() {
    let node = Node::new(1000, None);
    let (ann, _) = node.socket("/");
    let exceeds = |recorded: &[Write], rooms: Vec<Box<str>>| {
        Overlay { effects: &node.effects, recorded, rooms_per_socket_max: 1000 }.exceeds_rooms(&ann, &rooms)
    };
    let join = |rooms| Write::Join { socket: ann.clone(), rooms };
    assert!(exceeds(&[join(numbered(0..600))], numbered(600..1200)));
    assert!(!exceeds(&[join(numbered(0..600))], numbered(0..999)), "a room counts once");
    assert!(!exceeds(
        &[join(numbered(0..600)), Write::Leave { socket: ann.clone(), rooms: numbered(0..300) }],
        numbered(600..1200)
    ));
    let all = |rooms| Write::JoinAll { target: everybody(ann.namespace()), rooms };
    assert!(exceeds(&[all(numbered(0..600))], numbered(600..1200)));
    assert!(!exceeds(&[join(numbered(0..900)), all(numbered(900..1200))], numbered(900..999)), "the second joins none");
}
