//! Applying writes, in call order.

use super::host_state::HostState;
use super::ids::{NodeIndex, SocketIndex};
use super::line::Line;
use super::room_set::RoomSet;
use super::server_socket::{ConnectPhase, SocketState};
use super::write::Write;
use crate::bindings::innkeeper::plugin::types::Target;
use innkeeper_contract::defaults::ROOMS_PER_SOCKET_MAX;
use innkeeper_contract::reasons::SERVER_NAMESPACE_DISCONNECT;
use innkeeper_contract::refusals;

impl HostState {
    /// Applies the writes of one call on a node. `connecting`: the socket whose connect chain the call belongs to, which may hold them
    /// back.
    pub(super) fn send(&mut self, node: NodeIndex, connecting: Option<SocketIndex>, writes: Vec<Write>) {
        let Some(socket) = connecting else { return self.apply(node, writes) };
        match &mut self.sockets[socket].connecting {
            ConnectPhase::Done => self.apply(node, writes),
            ConnectPhase::Connection(held) => held.extend(writes),
            ConnectPhase::Middleware(held) => {
                let (own, others): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.socket() == Some(socket));
                held.extend(own);
                self.apply(node, others);
            }
        }
    }

    /// The one step that puts a pending socket into its namespace, and applies everything that was held back for it.
    pub(super) fn admit(&mut self, index: SocketIndex) {
        let socket = &mut self.sockets[index];
        if !matches!(socket.connecting, ConnectPhase::Connection(_)) {
            return;
        }
        let (node, phase) = (socket.node, std::mem::replace(&mut socket.connecting, ConnectPhase::Done));
        if socket.state == SocketState::Pending {
            socket.state = SocketState::Joined;
            socket.rooms = RoomSet::of_socket(&socket.id);
        }
        if let ConnectPhase::Connection(held) = phase {
            self.apply(node, held);
        }
    }

    /// Applies writes that nothing holds back.
    pub(super) fn apply(&mut self, node: NodeIndex, writes: Vec<Write>) {
        for write in writes {
            self.apply_one(node, write);
        }
    }

    fn apply_one(&mut self, node: NodeIndex, write: Write) {
        match write {
            Write::Emit { socket, name, payload } => self.sockets[socket].receive(&name, &payload, None),
            Write::Broadcast { target, name, payload } => {
                self.each(node, &target, |state, socket| state.sockets[socket].receive(&name, &payload, None));
            }
            Write::Ack { socket, ack, payload } => self.sockets[socket].receive_ack(ack, payload),
            Write::Join { socket, rooms } => self.join(socket, &rooms),
            Write::Leave { socket, rooms } => self.sockets[socket].leave(&rooms),
            Write::JoinAll { target, rooms } => self.each(node, &target, |state, socket| state.join(socket, &rooms)),
            Write::LeaveAll { target, rooms } => self.each(node, &target, |state, socket| state.sockets[socket].leave(&rooms)),
            Write::Data { socket, key, value } => self.sockets[socket].set_data(key, value),
            Write::Disconnect { socket, close } => self.disconnect_by_plugin(socket, close),
            Write::DisconnectAll { target, close } => {
                self.each(node, &target, |state, socket| state.disconnect_by_plugin(socket, close));
            }
            Write::SetTimer { plugin, timer } => self.set_timer(plugin, timer),
            Write::ClearTimer { plugin, id, socket } => self.clear_timer(plugin, &id, socket),
            Write::ServerEvent { namespace, name, payload } => self.emit_to_servers(node, &namespace, &name, &payload),
            Write::ServerAnswer { reply, payload } => self.server_questions[reply.question].settle(reply, Some(payload)),
        }
    }

    fn join(&mut self, index: SocketIndex, rooms: &[String]) {
        let socket = &mut self.sockets[index];
        if !socket.join(rooms) {
            let message = format!(
                "{}, so {:?} joined none of {}",
                refusals::rooms_per_socket(ROOMS_PER_SOCKET_MAX),
                socket.id,
                rooms.len()
            );
            self.log.push(Line { level: "warn".into(), plugin: String::new(), message, fields: Vec::new(), event: None });
        }
    }

    fn each(&mut self, node: NodeIndex, target: &Target, mut change: impl FnMut(&mut Self, SocketIndex)) {
        for socket in self.select(node, target) {
            change(self, socket);
        }
    }

    fn disconnect_by_plugin(&mut self, socket: SocketIndex, close: bool) {
        if self.sockets[socket].state == SocketState::Left {
            return;
        }
        self.disconnect(socket, SERVER_NAMESPACE_DISCONNECT);
        if close {
            // What else this call wrote is still delivered to the connection's other sockets.
            self.closing.push(self.sockets[socket].connection);
        }
    }
}
