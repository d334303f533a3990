//! What a read of a call sees: the state of the host, and above it the writes that the call has recorded.

use super::host_state::HostState;
use super::ids::SocketIndex;
use super::server_socket::{ConnectPhase, SocketState};
use super::write::Write;
use crate::bindings::innkeeper::plugin::types::Target;
use std::collections::BTreeMap;

impl HostState {
    /// The rooms of a socket, as a call sees them that recorded these writes.
    pub(super) fn rooms_seen(&self, index: SocketIndex, connecting: Option<SocketIndex>, recorded: &[Write]) -> Vec<String> {
        let socket = &self.sockets[index];
        let mut rooms = match socket.state {
            SocketState::Left => return socket.rooms.clone(),
            SocketState::Joined => socket.rooms.clone(),
            SocketState::Pending => vec![socket.id.clone()],
        };
        for write in self.held(connecting).iter().chain(recorded) {
            let (joins, leaves): (&[String], &[String]) = match write {
                Write::Join { socket: of, rooms } if *of == index => (rooms, &[]),
                Write::Leave { socket: of, rooms } if *of == index => (&[], rooms),
                Write::JoinAll { target, rooms: names } if selects(target, &socket.namespace, &rooms) => (names, &[]),
                Write::LeaveAll { target, rooms: names } if selects(target, &socket.namespace, &rooms) => (&[], names),
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
        index: SocketIndex,
        connecting: Option<SocketIndex>,
        recorded: &[Write],
    ) -> BTreeMap<String, String> {
        let mut data = self.sockets[index].data.clone();
        for write in self.held(connecting).iter().chain(recorded) {
            match write {
                Write::Data { socket, key, value: Some(value) } if *socket == index => {
                    data.insert(key.clone(), value.clone());
                }
                Write::Data { socket, key, value: None } if *socket == index => {
                    data.remove(key);
                }
                _ => {}
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

fn selects(target: &Target, namespace: &str, rooms: &[String]) -> bool {
    let in_one_of = |names: &[String]| names.iter().any(|name| rooms.contains(name));
    target.namespace == namespace && (target.rooms.is_empty() || in_one_of(&target.rooms)) && !in_one_of(&target.except)
}
