//! Writes: recorded by a call, carried out together when it ends well. And what a read sees of them before that.

use super::host_state::{ConnectPhase, HostState, SocketIndex, SocketState};
use super::timers::Setting;
use crate::bindings::innkeeper::plugin::types::Target;
use crate::payload::Payload;
use std::collections::BTreeMap;

/// Socket.IO's reason for a socket that a plugin disconnected.
pub(super) const SERVER_NAMESPACE_DISCONNECT: &str = "server namespace disconnect";

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
    SetTimer { plugin: usize, setting: Setting },
    ClearTimer { plugin: usize, name: String, socket: Option<SocketIndex> },
}

impl Write {
    /// The one socket that it is about, if it is about one.
    fn socket(&self) -> Option<SocketIndex> {
        match self {
            Self::Emit { socket, .. }
            | Self::Ack { socket, .. }
            | Self::Join { socket, .. }
            | Self::Leave { socket, .. }
            | Self::Data { socket, .. }
            | Self::Disconnect { socket, .. } => Some(*socket),
            Self::SetTimer { setting, .. } => setting.socket,
            Self::ClearTimer { socket, .. } => *socket,
            Self::Broadcast { .. } | Self::JoinAll { .. } | Self::LeaveAll { .. } | Self::DisconnectAll { .. } => None,
        }
    }

    /// What it counts for in the bound on a call's writes.
    pub(super) fn len(&self) -> usize {
        let texts = |rooms: &[String]| rooms.iter().map(String::len).sum();
        match self {
            Self::Emit { name, payload, .. } | Self::Broadcast { name, payload, .. } => name.len() + size(payload),
            Self::Ack { payload, .. } => size(payload),
            Self::Join { rooms, .. } | Self::Leave { rooms, .. } | Self::JoinAll { rooms, .. } | Self::LeaveAll { rooms, .. } => {
                texts(rooms)
            }
            Self::Data { key, value, .. } => key.len() + value.as_ref().map_or(0, String::len),
            Self::SetTimer { setting, .. } => setting.name.len() + setting.data.len(),
            Self::ClearTimer { name, .. } => name.len(),
            Self::Disconnect { .. } | Self::DisconnectAll { .. } => 0,
        }
    }
}

fn size(payload: &Payload) -> usize {
    payload.args.len() + payload.attachments.iter().map(Vec::len).sum::<usize>()
}

impl HostState {
    /// Writes of one call leave. `connecting`: the socket whose connect chain the call belongs to, which may hold them back.
    pub(super) fn send(&mut self, connecting: Option<SocketIndex>, writes: Vec<Write>) {
        let Some(socket) = connecting else { return self.apply(writes) };
        match &mut self.sockets[socket].connecting {
            ConnectPhase::Done => self.apply(writes),
            ConnectPhase::Connection(held) => held.extend(writes),
            ConnectPhase::Middleware(held) => {
                let (own, others): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.socket() == Some(socket));
                held.extend(own);
                self.apply(others);
            }
        }
    }

    /// Carries writes out, in call order.
    pub(super) fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            self.apply_one(write);
        }
    }

    fn apply_one(&mut self, write: Write) {
        match write {
            Write::Emit { socket, name, payload } => self.put(socket, &name, &payload, None),
            Write::Broadcast { target, name, payload } => {
                self.each(&target, |state, socket| state.put(socket, &name, &payload, None));
            }
            Write::Ack { socket, ack, payload } => {
                // The first to leave counts.
                if self.sockets[socket].open_acks.remove(&ack) {
                    self.sockets[socket].acks.insert(ack, payload);
                }
            }
            Write::Join { socket, rooms } => self.join(socket, &rooms),
            Write::Leave { socket, rooms } => self.leave(socket, &rooms),
            Write::JoinAll { target, rooms } => self.each(&target, |state, socket| state.join(socket, &rooms)),
            Write::LeaveAll { target, rooms } => self.each(&target, |state, socket| state.leave(socket, &rooms)),
            Write::Data { socket, key, value } => {
                let socket_state = &mut self.sockets[socket];
                if socket_state.life != SocketState::Left {
                    change(&mut socket_state.data, &key, value.as_ref());
                }
            }
            Write::Disconnect { socket, close } => self.disconnect_by_plugin(socket, close),
            Write::DisconnectAll { target, close } => {
                self.each(&target, |state, socket| state.disconnect_by_plugin(socket, close))
            }
            Write::SetTimer { plugin, setting } => self.set_timer(plugin, setting),
            Write::ClearTimer { plugin, name, socket } => self.clear_timer(plugin, &name, socket),
        }
    }

    fn each(&mut self, target: &Target, mut change: impl FnMut(&mut Self, SocketIndex)) {
        for socket in self.select(target) {
            change(self, socket);
        }
    }

    fn disconnect_by_plugin(&mut self, socket: SocketIndex, close: bool) {
        if self.sockets[socket].life == SocketState::Left {
            return;
        }
        self.disconnect(socket, SERVER_NAMESPACE_DISCONNECT);
        if close {
            // What else this call wrote is still delivered to the connection's other sockets.
            self.closing.push(self.sockets[socket].connection);
        }
    }

    /// The rooms of a socket, as a call sees them that recorded these writes.
    pub(super) fn rooms_seen(&self, socket: SocketIndex, connecting: Option<SocketIndex>, recorded: &[Write]) -> Vec<String> {
        let socket_state = &self.sockets[socket];
        let mut rooms = match socket_state.life {
            SocketState::Left => return socket_state.rooms.clone(),
            SocketState::Joined => socket_state.rooms.clone(),
            SocketState::Pending => vec![socket_state.id.clone()],
        };
        for write in self.held(connecting).iter().chain(recorded) {
            let (joins, leaves): (&[String], &[String]) = match write {
                Write::Join { socket: of, rooms } if *of == socket => (rooms, &[]),
                Write::Leave { socket: of, rooms } if *of == socket => (&[], rooms),
                Write::JoinAll { target, rooms: names } if is_meant(target, &socket_state.namespace, &rooms) => (names, &[]),
                Write::LeaveAll { target, rooms: names } if is_meant(target, &socket_state.namespace, &rooms) => (&[], names),
                _ => continue,
            };
            let new: Vec<String> = joins.iter().filter(|room| !rooms.contains(room)).cloned().collect();
            rooms.extend(new);
            rooms.retain(|room| !leaves.contains(room));
        }
        rooms
    }

    /// `socket.data`, in the same way.
    pub(super) fn data_seen(
        &self,
        socket: SocketIndex,
        connecting: Option<SocketIndex>,
        recorded: &[Write],
    ) -> BTreeMap<String, String> {
        let mut data = self.sockets[socket].data.clone();
        for write in self.held(connecting).iter().chain(recorded) {
            if let Write::Data { socket: of, key, value } = write
                && *of == socket
            {
                change(&mut data, key, value.as_ref());
            }
        }
        data
    }

    fn held(&self, connecting: Option<SocketIndex>) -> &[Write] {
        match connecting.map(|socket| &self.sockets[socket].connecting) {
            Some(ConnectPhase::Middleware(held) | ConnectPhase::Connection(held)) => held,
            _ => &[],
        }
    }
}

fn change(data: &mut BTreeMap<String, String>, key: &str, value: Option<&String>) {
    match value {
        Some(value) => drop(data.insert(key.to_owned(), value.clone())),
        None => drop(data.remove(key)),
    }
}

fn is_meant(target: &Target, namespace: &str, rooms: &[String]) -> bool {
    let in_one_of = |names: &[String]| names.iter().any(|name| rooms.contains(name));
    target.namespace == namespace && (target.rooms.is_empty() || in_one_of(&target.rooms)) && !in_one_of(&target.except)
}
