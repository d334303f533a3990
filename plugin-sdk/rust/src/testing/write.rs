//! Writes: recorded by a call, applied together when it ends well.

use std::collections::HashSet;

use innkeeper_contract::limits::{NAME_BYTES, WRITE_BYTES};

use super::ids::SocketIndex;
use super::server_question::ServerReply;
use super::timers::{NewTimer, TimerId};
use crate::bindings::innkeeper::plugin::types::Target;
use crate::payload::Payload;

/// One recorded write. What could be refused was refused when it was recorded.
#[derive(Clone)]
pub(super) enum Write {
    Emit { socket: SocketIndex, name: String, payload: Payload },
    Broadcast { target: Target, name: String, payload: Payload },
    Ack { socket: SocketIndex, ack: u64, payload: Payload },
    Join { socket: SocketIndex, rooms: Vec<String> },
    Leave { socket: SocketIndex, rooms: Vec<String> },
    JoinAll { target: Target, rooms: Vec<String> },
    LeaveAll { target: Target, rooms: Vec<String> },
    Data { socket: SocketIndex, key: String, value: Option<String> },
    Disconnect { socket: SocketIndex, close: bool },
    DisconnectAll { target: Target, close: bool },
    SetTimer { plugin: usize, timer: NewTimer },
    ClearTimer { plugin: usize, id: TimerId, socket: Option<SocketIndex> },
    ServerEvent { namespace: String, name: String, payload: Payload },
    ServerAnswer { reply: ServerReply, payload: Payload },
}

impl Write {
    /// The one socket that it is about, if it is about one.
    pub(super) fn socket(&self) -> Option<SocketIndex> {
        match self {
            Self::Emit { socket, .. }
            | Self::Ack { socket, .. }
            | Self::Join { socket, .. }
            | Self::Leave { socket, .. }
            | Self::Data { socket, .. }
            | Self::Disconnect { socket, .. } => Some(*socket),
            Self::SetTimer { timer, .. } => timer.socket,
            Self::ClearTimer { socket, .. } => *socket,
            Self::Broadcast { .. }
            | Self::JoinAll { .. }
            | Self::LeaveAll { .. }
            | Self::DisconnectAll { .. }
            | Self::ServerEvent { .. }
            | Self::ServerAnswer { .. } => None,
        }
    }

    /// What the write counts for in the bound on a call's writes.
    pub(super) fn cost(&self) -> usize {
        WRITE_BYTES + self.texts()
    }

    fn texts(&self) -> usize {
        let selected = |target: &Target| names(&target.rooms) + names(&target.except);
        match self {
            Self::Emit { name, payload, .. } => name.len() + size(payload),
            Self::Broadcast { target, name, payload } => selected(target) + name.len() + size(payload),
            Self::Ack { payload, .. } | Self::ServerAnswer { payload, .. } => size(payload),
            Self::Join { rooms, .. } | Self::Leave { rooms, .. } => names(rooms),
            Self::JoinAll { target, rooms } | Self::LeaveAll { target, rooms } => selected(target) + names(rooms),
            Self::Data { key, value, .. } => key.len() + value.as_ref().map_or(0, String::len),
            Self::SetTimer { timer, .. } => id_size(&timer.id) + timer.data.len(),
            Self::ClearTimer { id, .. } => id_size(id),
            Self::Disconnect { .. } => 0,
            Self::DisconnectAll { target, .. } => selected(target),
            Self::ServerEvent { name, payload, .. } => name.len() + size(payload),
        }
    }
}

/// Names of rooms, each of which counts once.
fn names(names: &[String]) -> usize {
    names.iter().collect::<HashSet<_>>().into_iter().map(|name| name.len() + NAME_BYTES).sum()
}

fn id_size(id: &TimerId) -> usize {
    id.name.len() + id.key.as_ref().map_or(0, String::len)
}

/// Bytes of arguments, for every limit on them.
pub(super) fn size(payload: &Payload) -> usize {
    payload.args.len() + payload.attachments.iter().map(Vec::len).sum::<usize>()
}
