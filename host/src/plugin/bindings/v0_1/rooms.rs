//! The interface `rooms`.

use super::generated::innkeeper::plugin::rooms::{CountAnswer, Host, NamesAnswer};
use super::generated::innkeeper::plugin::types::{Failure, Target};
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn join(&mut self, socket: String, rooms: Vec<String>) -> Result<(), Failure> {
        self.join_rooms(&socket, rooms).map_err(|refusal| self.refused(refusal))
    }

    fn leave(&mut self, socket: String, rooms: Vec<String>) -> Result<(), Failure> {
        self.leave_rooms(&socket, rooms).map_err(|refusal| self.refused(refusal))
    }

    fn get(&mut self, socket: String) -> Result<Vec<String>, Failure> {
        self.rooms_of(&socket).map_err(|refusal| self.refused(refusal))
    }

    fn join_all(&mut self, target: Target, rooms: Vec<String>) -> Result<(), Failure> {
        Self::join_all(self, target.into(), rooms).map_err(|refusal| self.refused(refusal))
    }

    fn leave_all(&mut self, target: Target, rooms: Vec<String>) -> Result<(), Failure> {
        Self::leave_all(self, target.into(), rooms).map_err(|refusal| self.refused(refusal))
    }

    fn names(&mut self, namespace: String, prefix: String, after: Option<String>, most: u32) -> Result<Vec<String>, Failure> {
        self.room_names(&namespace, &prefix, after.as_deref(), most).map_err(|refusal| self.refused(refusal))
    }

    fn count(&mut self, target: Target) -> Result<u32, Failure> {
        self.count_sockets(target.into()).map_err(|refusal| self.refused(refusal))
    }

    fn ask_names(
        &mut self,
        namespace: String,
        prefix: String,
        after: Option<String>,
        most: u32,
        timeout_ms: Option<u32>,
    ) -> Result<u64, Failure> {
        self.ask_room_names(&namespace, &prefix, after.as_deref(), most, timeout_ms).map_err(|refusal| self.refused(refusal))
    }

    fn named(&mut self, ticket: u64) -> Result<NamesAnswer, Failure> {
        let (names, nodes_missing) = self.take_names(ticket).map_err(|refusal| self.refused(refusal))?;
        Ok(NamesAnswer { names, nodes_missing })
    }

    fn ask_count(&mut self, target: Target, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Self::ask_count(self, target.into(), timeout_ms).map_err(|refusal| self.refused(refusal))
    }

    fn counted(&mut self, ticket: u64) -> Result<CountAnswer, Failure> {
        let (count, nodes_missing) = self.take_count(ticket).map_err(|refusal| self.refused(refusal))?;
        Ok(CountAnswer { count, nodes_missing })
    }
}
