//! A write: something that a call does, recorded until the call has ended well.

use std::sync::Arc;
use std::time::Duration;

use innkeeper_contract::limits::{NAME_BYTES, WRITE_BYTES};

use crate::adapter::{Namespace, Question, RoomFilter, Socket, TimerId};
use crate::budget::Held;
use crate::packet::{EncodedPacket, Message, PacketParts, Payload};
use crate::peers::{PeerQuestion, PeerRequest, PluginReply};

/// A recorded write. Everything that can be refused was refused when it was recorded: applying it cannot fail.
///
/// An emit keeps its message and its flags beside the frames, which are made when it is recorded: other nodes need another
/// encoding, and connection state recovery something behind the arguments, and neither may parse a frame back.
pub(crate) enum Write {
    /// To one socket.
    Emit {
        socket: Arc<Socket>,
        message: Message,
        flags: Flags,
        packet: EncodedPacket,
    },
    /// To all sockets of the target.
    Broadcast {
        /// Boxed, so that the writes of most calls, an ack or an emit, are not as large as this one.
        target: Box<Target>,
        message: Message,
        packet: EncodedPacket,
    },
    /// An emit that awaits acks.
    Question {
        target: Box<QuestionTarget>,
        message: Message,
        packet: EncodedPacket,
        asked: Asked,
    },
    /// The answer to a client's event, under the client's ack id. The first one that is applied counts.
    Ack {
        socket: Arc<Socket>,
        ack: u64,
        payload: Payload,
        packet: EncodedPacket,
    },
    Join {
        socket: Arc<Socket>,
        rooms: Vec<Box<str>>,
    },
    Leave {
        socket: Arc<Socket>,
        rooms: Vec<Box<str>>,
    },
    JoinAll {
        target: Target,
        rooms: Vec<Box<str>>,
    },
    LeaveAll {
        target: Target,
        rooms: Vec<Box<str>>,
    },
    /// One key of `socket.data`; without a value it is removed.
    Data {
        socket: Arc<Socket>,
        key: Box<str>,
        value: Option<Box<str>>,
    },
    /// With `close` the whole connection is closed.
    Disconnect {
        socket: Arc<Socket>,
        close: bool,
    },
    DisconnectAll {
        target: Target,
        close: bool,
    },
    Timer {
        timers: Arc<dyn Timers>,
        change: TimerChange,
    },
    /// An event for the other nodes.
    ServerEvent {
        namespace: Arc<Namespace>,
        message: Message,
    },
    /// The answer to a server event of another node.
    Reply {
        reply: Arc<PluginReply>,
        payload: Payload,
    },
    /// A question to the other nodes. On this one it does nothing.
    AskPeers {
        namespace: Arc<Namespace>,
        request: Box<PeerRequest>,
        question: Arc<PeerQuestion>,
    },
}

/// The sockets that a question asks.
pub(crate) enum QuestionTarget {
    Socket(Arc<Socket>),
    Rooms(Target),
}

/// A question, and the ack id of its packet.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) ack: u64,
    pub(crate) question: Arc<Question>,
    /// How long answers are awaited.
    pub(crate) timeout: Duration,
}

/// Sockets of a namespace.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) rooms: RoomFilter,
    pub(crate) flags: Flags,
}

/// How a write is to be carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// Dropped for a client that is not ready to receive.
    pub(crate) volatile: bool,
    /// On this node only.
    pub(crate) local: bool,
}

/// A timer to set. It replaces the one with the same id and socket.
pub(crate) struct Timer {
    pub(crate) id: TimerId,
    pub(crate) socket: Option<Arc<Socket>>,
    pub(crate) delay: Duration,
    pub(crate) every: Option<Duration>,
    pub(crate) data: Box<str>,
    /// Whether the timer that this one would replace is left alone, if it has the same `every`.
    pub(crate) keep: bool,
}

/// What a call does to the timers of its plugin.
pub(crate) enum TimerChange {
    Set(Timer),
    Clear { id: TimerId, socket: Option<Arc<Socket>> },
}

/// The timers of a plugin.
pub(crate) trait Timers: Send + Sync {
    /// Makes all of the changes under one hold of a lock: other calls and other threads come there for each of theirs.
    fn change(&self, changes: &mut dyn Iterator<Item = TimerChange>);
}

impl Write {
    /// An emit to one socket.
    pub(crate) fn emit(socket: Arc<Socket>, message: Message, flags: Flags) -> Self {
        let packet = PacketParts::event(socket.namespace().name(), &message.name, &message.payload, None).encode();
        Self::Emit { socket, message, flags, packet }
    }

    /// An emit to all sockets of the target.
    pub(crate) fn broadcast(target: Target, message: Message) -> Self {
        let packet = PacketParts::event(target.namespace.name(), &message.name, &message.payload, None).encode();
        Self::Broadcast { target: Box::new(target), message, packet }
    }

    /// An emit that awaits acks. `held` is what the asked sockets take of a budget, to which answers are added.
    pub(crate) fn question(target: QuestionTarget, message: Message, held: Held, timeout: Duration) -> (Self, Asked) {
        let namespace = target.namespace();
        let asked = Asked { ack: namespace.question_id(), question: Arc::new(Question::new(held)), timeout };
        let packet = PacketParts::event(namespace.name(), &message.name, &message.payload, Some(asked.ack)).encode();
        (Self::Question { target: Box::new(target), message, packet, asked: asked.clone() }, asked)
    }

    /// The answer to a client's event.
    pub(crate) fn ack(socket: Arc<Socket>, ack: u64, payload: Payload) -> Self {
        let packet = PacketParts::ack(socket.namespace().name(), ack, &payload).encode();
        Self::Ack { socket, ack, payload, packet }
    }

    /// What the write counts for in the bound on a call's writes: the bytes that the guest gave, and what the host keeps besides.
    pub(crate) fn cost(&self) -> usize {
        WRITE_BYTES + self.texts()
    }

    fn texts(&self) -> usize {
        let names = |names: &[Box<str>]| names.iter().map(|name| name.len() + NAME_BYTES).sum::<usize>();
        let selected = |target: &Target| names(&target.rooms.any) + names(&target.rooms.except);
        match self {
            Self::Emit { message, .. } => message.name.len() + message.payload.len(),
            Self::Broadcast { target, message, .. } => selected(target) + message.name.len() + message.payload.len(),
            Self::Question { target, message, .. } => {
                target.rooms().map_or(0, selected) + message.name.len() + message.payload.len()
            }
            Self::Ack { payload, .. } | Self::Reply { payload, .. } => payload.len(),
            Self::Join { rooms, .. } | Self::Leave { rooms, .. } => names(rooms),
            Self::JoinAll { target, rooms } | Self::LeaveAll { target, rooms } => selected(target) + names(rooms),
            Self::Data { key, value, .. } => key.len() + value.as_ref().map_or(0, |value| value.len()),
            Self::Timer { change: TimerChange::Set(timer), .. } => timer.id.len() + timer.data.len(),
            Self::Timer { change: TimerChange::Clear { id, .. }, .. } => id.len(),
            Self::Disconnect { .. } => 0,
            Self::DisconnectAll { target, .. } => selected(target),
            Self::ServerEvent { message, .. } => message.name.len() + message.payload.len(),
            Self::AskPeers { request, .. } => match &**request {
                PeerRequest::Ids(rooms) | PeerRequest::Sockets(rooms) => names(&rooms.any) + names(&rooms.except),
                PeerRequest::Rooms => 0,
                PeerRequest::ServerEvent(message) => message.name.len() + message.payload.len(),
            },
        }
    }

    /// How many names of rooms a read behind it has to look at, and one more for the write itself.
    pub(crate) fn weight(&self) -> usize {
        let selected = |target: &Target| target.rooms.any.len() + target.rooms.except.len();
        1 + match self {
            Self::Join { rooms, .. } | Self::Leave { rooms, .. } => rooms.len(),
            Self::JoinAll { target, rooms } | Self::LeaveAll { target, rooms } => selected(target) + rooms.len(),
            _ => 0,
        }
    }

    /// The one socket that it is about, if it is about one.
    pub(crate) fn socket(&self) -> Option<&Arc<Socket>> {
        match self {
            Self::Emit { socket, .. }
            | Self::Ack { socket, .. }
            | Self::Join { socket, .. }
            | Self::Leave { socket, .. }
            | Self::Data { socket, .. }
            | Self::Disconnect { socket, .. } => Some(socket),
            Self::Timer { change: TimerChange::Set(Timer { socket, .. }) | TimerChange::Clear { socket, .. }, .. } => {
                socket.as_ref()
            }
            // Never to a pending socket, for which alone this is asked.
            Self::Question { .. } => None,
            Self::Broadcast { .. } | Self::JoinAll { .. } | Self::LeaveAll { .. } | Self::DisconnectAll { .. } => None,
            Self::ServerEvent { .. } | Self::AskPeers { .. } | Self::Reply { .. } => None,
        }
    }

    /// The sockets that it is about, if it is about those of a namespace.
    fn target(&self) -> Option<&Target> {
        match self {
            Self::Broadcast { target, .. } => Some(target),
            Self::Question { target, .. } => target.rooms(),
            Self::JoinAll { target, .. } | Self::LeaveAll { target, .. } | Self::DisconnectAll { target, .. } => Some(target),
            _ => None,
        }
    }

    /// How many sockets it reaches, each as often as it is reached: for joins and leaves once for each room. `count` says how many the
    /// target has.
    pub(crate) fn reach(&self, count: impl FnOnce(&Target) -> usize) -> usize {
        let rooms = match self {
            Self::JoinAll { rooms, .. } | Self::LeaveAll { rooms, .. } => rooms.len(),
            _ => 1,
        };
        self.target().map_or(0, |target| count(target).saturating_mul(rooms))
    }

    /// The namespace whose lock it needs. A write to one client only, or to one socket's data, needs none.
    pub(super) fn namespace(&self) -> Option<&Arc<Namespace>> {
        match self {
            Self::Emit { .. } | Self::Ack { .. } | Self::Data { .. } | Self::Timer { .. } | Self::Reply { .. } => None,
            Self::Join { socket, .. } | Self::Leave { socket, .. } | Self::Disconnect { socket, .. } => Some(socket.namespace()),
            Self::Question { target, .. } => Some(target.namespace()),
            Self::ServerEvent { namespace, .. } | Self::AskPeers { namespace, .. } => Some(namespace),
            Self::Broadcast { .. } | Self::JoinAll { .. } | Self::LeaveAll { .. } | Self::DisconnectAll { .. } => {
                self.target().map(|target| &target.namespace)
            }
        }
    }

    /// How many names of rooms it has that sockets join.
    pub(crate) fn joined_rooms(&self) -> usize {
        match self {
            Self::Join { rooms, .. } | Self::JoinAll { rooms, .. } => rooms.len(),
            _ => 0,
        }
    }
}

impl QuestionTarget {
    fn namespace(&self) -> &Arc<Namespace> {
        match self {
            Self::Socket(socket) => socket.namespace(),
            Self::Rooms(target) => &target.namespace,
        }
    }

    fn rooms(&self) -> Option<&Target> {
        match self {
            Self::Socket(_) => None,
            Self::Rooms(target) => Some(target),
        }
    }
}
