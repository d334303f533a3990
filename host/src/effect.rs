//! The back door: what plugins recorded leaves here, in call order, in one step for each namespace.

mod local;
mod overlay;
mod packet;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use local::{LocalEffects, SERVER_DISCONNECT};
pub(crate) use overlay::Overlay;
pub(crate) use packet::{ack_packet, connect_error, connect_packet, disconnect_frame, event_packet};

use crate::adapter::{Namespace, Packet, Question, Rooms, Socket};

/// One recorded write. Everything that could be refused was refused when it was recorded: leaving cannot fail.
pub(crate) enum Write {
    /// To one socket.
    Emit {
        socket: Arc<Socket>,
        packet: Packet,
        volatile: bool,
    },
    /// To everybody who is meant.
    Broadcast {
        target: Target,
        packet: Packet,
        volatile: bool,
    },
    /// The answer to a client's event, under the client's ack id. The first to leave counts.
    Ack {
        socket: Arc<Socket>,
        ack: u64,
        packet: Packet,
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
    Disconnect {
        socket: Arc<Socket>,
        close: bool,
    },
    SetTimer {
        timers: Arc<dyn Timers>,
        timer: Timer,
    },
    ClearTimer {
        timers: Arc<dyn Timers>,
        name: Box<str>,
        socket: Option<Arc<Socket>>,
    },
    DisconnectAll {
        target: Target,
        close: bool,
    },
}

/// A timer to set. It replaces one of the same name and socket.
pub(crate) struct Timer {
    pub(crate) name: Box<str>,
    pub(crate) socket: Option<Arc<Socket>>,
    pub(crate) delay: Duration,
    pub(crate) every: Option<Duration>,
    pub(crate) data: Box<str>,
}

/// Who keeps the timers of a plugin.
pub(crate) trait Timers: Send + Sync {
    fn set(&self, timer: Timer);
    fn clear(&self, name: &str, socket: Option<&Arc<Socket>>);
}

/// Adapter of a namespace.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) rooms: Rooms,
}

/// Whom a question asks.
pub(crate) enum QuestionTarget {
    Socket(Arc<Socket>),
    Rooms(Target),
}

/// Who carries out what a dispatch produced. The house does; a pending socket holds back; a test keeps a list.
pub(crate) trait Effects: Send + Sync {
    /// Writes of one call leave, all together. Takes them out of the list.
    fn apply(&self, writes: &mut Vec<Write>);

    /// Sends a question's packet, after everything that left before. `packet` makes it for the ack id.
    fn ask(&self, target: &QuestionTarget, packet: &mut dyn FnMut(u64) -> Packet) -> (u64, Arc<Question>);

    /// Lets a pending socket in, and with it what was held back for it, in one step. `connect` tells the client.
    fn admit(&self, socket: &Arc<Socket>, connect: &Packet, held: &mut Vec<Write>);

    /// A call of this dispatch waits or wants its writes sent: what was held back goes now.
    fn release(&self);

    /// Shows the writes that are held back, which reads see as done.
    fn held(&self, read: &mut dyn FnMut(&[Write]));
}

impl Write {
    /// What it counts for in the bound on a call's writes.
    pub(crate) fn len(&self) -> usize {
        let texts = |rooms: &[Box<str>]| rooms.iter().map(|room| room.len()).sum();
        match self {
            Self::Emit { packet, .. } | Self::Broadcast { packet, .. } | Self::Ack { packet, .. } => packet.len(),
            Self::Join { rooms, .. } | Self::Leave { rooms, .. } | Self::JoinAll { rooms, .. } | Self::LeaveAll { rooms, .. } => {
                texts(rooms)
            }
            Self::Data { key, value, .. } => key.len() + value.as_ref().map_or(0, |value| value.len()),
            Self::SetTimer { timer, .. } => timer.name.len() + timer.data.len(),
            Self::ClearTimer { name, .. } => name.len(),
            Self::Disconnect { .. } | Self::DisconnectAll { .. } => 0,
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
            Self::SetTimer { timer, .. } => timer.socket.as_ref(),
            Self::ClearTimer { socket, .. } => socket.as_ref(),
            Self::Broadcast { .. } | Self::JoinAll { .. } | Self::LeaveAll { .. } | Self::DisconnectAll { .. } => None,
        }
    }

    /// The namespace that has to be held for it. What concerns one client only, or its record only, needs none.
    fn namespace(&self) -> Option<&Arc<Namespace>> {
        match self {
            Self::Emit { .. } | Self::Ack { .. } | Self::Data { .. } | Self::SetTimer { .. } | Self::ClearTimer { .. } => None,
            Self::Join { socket, .. } | Self::Leave { socket, .. } | Self::Disconnect { socket, .. } => Some(socket.namespace()),
            Self::Broadcast { target, .. }
            | Self::JoinAll { target, .. }
            | Self::LeaveAll { target, .. }
            | Self::DisconnectAll { target, .. } => Some(&target.namespace),
        }
    }
}
