//! `rooms`: joining, leaving, and the rooms of a socket.

use innkeeper_contract::{Refusal, refusals};

use super::state::InstanceState;
use super::target::GuestTarget;
use crate::effect::Write;
use crate::plugin::validate;

impl InstanceState {
    /// The socket joins all of these rooms.
    pub(crate) fn join_rooms(&mut self, socket: &str, rooms: Vec<String>) -> Result<(), Refusal> {
        let rooms = validate::rooms(rooms)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        let most = self.context.plugin.call_limits.rooms_per_socket;
        // Counting exactly costs a look at all rooms, so it is done only where the limit can be near. One is the socket's own room.
        let near = 1 + socket.room_count() + self.active()?.joined_rooms + rooms.len() > most;
        if near && self.overlay()?.exceeds_rooms(&socket, &rooms) {
            return Err(refusals::rooms_per_socket(most));
        }
        self.record(Write::Join { socket, rooms })
    }

    /// The socket leaves each of these rooms.
    pub(crate) fn leave_rooms(&mut self, socket: &str, rooms: Vec<String>) -> Result<(), Refusal> {
        let rooms = validate::rooms(rooms)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        self.record(Write::Leave { socket, rooms })
    }

    /// The rooms of a socket, its own included.
    pub(crate) fn rooms_of(&mut self, socket: &str) -> Result<Vec<String>, Refusal> {
        let socket = self.socket(socket)?;
        let rooms = self.overlay()?.rooms(&socket);
        Ok(rooms.iter().map(|room| room.as_ref().into()).collect())
    }

    /// All sockets that match join.
    pub(crate) fn join_all(&mut self, target: GuestTarget, rooms: Vec<String>) -> Result<(), Refusal> {
        let rooms = validate::rooms(rooms)?;
        let target = self.target(target)?;
        self.record(Write::JoinAll { target, rooms })
    }

    /// All sockets that match leave.
    pub(crate) fn leave_all(&mut self, target: GuestTarget, rooms: Vec<String>) -> Result<(), Refusal> {
        let rooms = validate::rooms(rooms)?;
        let target = self.target(target)?;
        self.record(Write::LeaveAll { target, rooms })
    }
}
