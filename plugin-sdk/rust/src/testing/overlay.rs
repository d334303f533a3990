//! What a read of a call sees: the state of the host, and above it the writes that the call has recorded.

use super::host_state::HostState;
use super::ids::SocketIndex;
use super::room_set::RoomSet;
use super::server_socket::{ConnectPhase, SocketState};
use super::write::Write;
use crate::bindings::innkeeper::plugin::types::Target;
use std::collections::BTreeMap;

impl HostState {
    /// The rooms of a socket, as a call sees them that recorded these writes.
    pub(super) fn rooms_seen(&self, index: SocketIndex, connecting: Option<SocketIndex>, recorded: &[Write]) -> RoomSet {
        let socket = &self.sockets[index];
        let mut rooms = match socket.state {
            SocketState::Left => return socket.rooms.clone(),
            SocketState::Joined => socket.rooms.clone(),
            // A pending socket is in no room yet, but will be in its own.
            SocketState::Pending => RoomSet::of_socket(&socket.id),
        };
        for write in self.held(connecting).iter().chain(recorded) {
            match write {
                Write::Join { socket: of, rooms: names } if *of == index => {
                    rooms.join(names);
                }
                Write::Leave { socket: of, rooms: names } if *of == index => rooms.leave(names),
                Write::JoinAll { target, rooms: names } if selects(target, &socket.namespace, &rooms) => {
                    rooms.join(names);
                }
                Write::LeaveAll { target, rooms: names } if selects(target, &socket.namespace, &rooms) => rooms.leave(names),
                _ => {}
            }
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

fn selects(target: &Target, namespace: &str, rooms: &RoomSet) -> bool {
    let in_one_of = |names: &[String]| names.iter().any(|name| rooms.contains(name));
    target.namespace == namespace && (target.rooms.is_empty() || in_one_of(&target.rooms)) && !in_one_of(&target.except)
}
