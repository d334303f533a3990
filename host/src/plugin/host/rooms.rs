//! `rooms`: joining, leaving, and who is where.

use super::InstanceState;
use crate::effect::Write;
use crate::plugin::bindings::v0_1::rooms::Host;
use crate::plugin::bindings::v0_1::types::{Failure, Target};
use crate::plugin::validate::{self, refusal};

impl Host for InstanceState {
    fn join(&mut self, socket: String, rooms: Vec<String>) -> Result<(), Failure> {
        let rooms = validate::rooms(rooms)?;
        let Some(socket) = self.find(&socket)? else { return Ok(()) };
        let most = self.context.limits.rooms_per_socket;
        // Counting exactly costs a look at all rooms, so it is done only where the limit can be near.
        let near = socket.room_count() + self.recorded_len() + rooms.len() > most;
        if near && self.overlay()?.rooms(&socket).len() + rooms.len() > most {
            return Err(refusal("limit", format!("a socket is in at most {most} rooms (rooms_per_socket_max)")));
        }
        self.record(Write::Join { socket, rooms })
    }

    fn leave(&mut self, socket: String, rooms: Vec<String>) -> Result<(), Failure> {
        let rooms = validate::rooms(rooms)?;
        let Some(socket) = self.find(&socket)? else { return Ok(()) };
        self.record(Write::Leave { socket, rooms })
    }

    fn get(&mut self, socket: String) -> Result<Vec<String>, Failure> {
        let socket = self.socket(&socket)?;
        let rooms = self.overlay()?.rooms(&socket);
        Ok(rooms.iter().map(|room| room.as_ref().into()).collect())
    }

    fn join_all(&mut self, target: Target, rooms: Vec<String>) -> Result<(), Failure> {
        let rooms = validate::rooms(rooms)?;
        let (target, _) = self.target(target)?;
        self.record(Write::JoinAll { target, rooms })
    }

    fn leave_all(&mut self, target: Target, rooms: Vec<String>) -> Result<(), Failure> {
        let rooms = validate::rooms(rooms)?;
        let (target, _) = self.target(target)?;
        self.record(Write::LeaveAll { target, rooms })
    }
}

impl InstanceState {
    fn recorded_len(&self) -> usize {
        self.active.as_ref().map_or(0, |active| active.recorded.len())
    }
}
