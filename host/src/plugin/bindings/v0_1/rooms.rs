//! The interface `rooms`.

use super::generated::innkeeper::plugin::rooms::{CountAnswer, Host, NamesAnswer};
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

    fn names(&mut self, namespace: String, prefix: String, after: Option<String>, most: u32) -> Result<Vec<String>, Failure> {
        Ok(self.room_names(&namespace, &prefix, after.as_deref(), most)?)
    }

    fn count(&mut self, target: Target) -> Result<u32, Failure> {
        Ok(self.count_sockets(target.into())?)
    }

    fn ask_names(
        &mut self,
        namespace: String,
        prefix: String,
        after: Option<String>,
        most: u32,
        _timeout_ms: Option<u32>,
    ) -> Result<u64, Failure> {
        Ok(self.ask_room_names(&namespace, &prefix, after.as_deref(), most)?)
    }

    fn named(&mut self, ticket: u64) -> Result<NamesAnswer, Failure> {
        Ok(NamesAnswer { names: self.take_names(ticket)?, nodes_missing: 0 })
    }

    fn ask_count(&mut self, target: Target, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Ok(Self::ask_count(self, target.into())?)
    }

    fn counted(&mut self, ticket: u64) -> Result<CountAnswer, Failure> {
        Ok(CountAnswer { count: self.take_count(ticket)?, nodes_missing: 0 })
    }
}
