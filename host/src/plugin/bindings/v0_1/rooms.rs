//! The interface `rooms`.

use super::generated::innkeeper::plugin::rooms::Host;
use super::generated::innkeeper::plugin::types::{Failure, Target};
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn join(&mut self, socket: String, rooms: Vec<String>) -> Result<(), Failure> {
        Ok(self.join_rooms(&socket, rooms)?)
    }

    fn leave(&mut self, socket: String, rooms: Vec<String>) -> Result<(), Failure> {
        Ok(self.leave_rooms(&socket, rooms)?)
    }

    fn get(&mut self, socket: String) -> Result<Vec<String>, Failure> {
        Ok(self.rooms_of(&socket)?)
    }

    fn join_all(&mut self, target: Target, rooms: Vec<String>) -> Result<(), Failure> {
        Ok(Self::join_all(self, target.into(), rooms)?)
    }

    fn leave_all(&mut self, target: Target, rooms: Vec<String>) -> Result<(), Failure> {
        Ok(Self::leave_all(self, target.into(), rooms)?)
    }
}
