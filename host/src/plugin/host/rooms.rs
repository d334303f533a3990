//! `rooms`: joining, leaving, the rooms of a socket and of a namespace.

use std::sync::Arc;

use innkeeper_contract::limits::NAME_BYTES;
use innkeeper_contract::{Refusal, refusals};

use super::names_page::NamesPage;
use super::state::{InstanceState, hold};
use super::target::GuestTarget;
use super::ticket::{HostAnswer, Ticket};
use crate::effect::{Target, Write};
use crate::peers::PeerRequest;
use crate::plugin::validate;

impl InstanceState {
    /// The socket joins all of these rooms.
    pub(crate) fn join_rooms(&mut self, socket: &str, rooms: Vec<String>) -> Result<(), Refusal> {
        let rooms = validate::rooms(rooms)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        let most = self.context.call_limits.rooms_per_socket;
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
        Ok(owned(&rooms))
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

    /// Rooms of a namespace that have members on this node.
    pub(crate) fn room_names(
        &mut self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<String>, Refusal> {
        let most = validate::page(most)?;
        let namespace = self.namespace(namespace)?;
        let names = namespace.lock().room_names(prefix, after, most);
        Ok(owned(&names))
    }

    /// How many sockets of this node match.
    pub(crate) fn count_sockets(&mut self, target: GuestTarget) -> Result<u32, Refusal> {
        Ok(count(&self.target(target)?))
    }

    /// The same as `room_names`, of all nodes, as a question.
    pub(crate) fn ask_room_names(
        &mut self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        most: u32,
        timeout_ms: Option<u32>,
    ) -> Result<u64, Refusal> {
        let most = validate::page(most)?;
        let (namespace, plugin) = (self.namespace(namespace)?, self.context.plugin.clone());
        let active = self.begin_question()?;
        let names = namespace.lock().room_names(prefix, after, most);
        let held = hold(&plugin, names.iter().map(|name| name.len() + NAME_BYTES).sum())?;
        if plugin.services.requests_timeout.is_none() {
            return Ok(active.tickets.add(Ticket::ready(HostAnswer::Names(names)).holding(held)));
        }
        let ticket = Ticket::names(NamesPage::new(prefix, after, most, names)).holding(held);
        self.add_asking_peers(ticket, namespace, PeerRequest::Rooms, timeout_ms)
    }

    /// Takes the answer to `ask_room_names`.
    pub(crate) fn take_names(&mut self, ticket: u64) -> Result<(Vec<String>, u32), Refusal> {
        let (names, nodes_missing) = self.active()?.tickets.take_names(ticket)?;
        Ok((owned(&names), nodes_missing))
    }

    /// The same as `count_sockets`, of all nodes, as a question.
    pub(crate) fn ask_count(&mut self, target: GuestTarget, timeout_ms: Option<u32>) -> Result<u64, Refusal> {
        let target = self.target(target)?;
        let asks_peers = self.asks_peers(&target);
        let active = self.begin_question()?;
        let ticket = Ticket::ready(HostAnswer::Count(count(&target)));
        if !asks_peers {
            return Ok(active.tickets.add(ticket));
        }
        self.add_asking_peers(ticket, target.namespace, PeerRequest::Ids(target.rooms), timeout_ms)
    }

    /// Takes the answer to `ask_count`.
    pub(crate) fn take_count(&mut self, ticket: u64) -> Result<(u32, u32), Refusal> {
        self.active()?.tickets.take_counted(ticket, |answer| match answer {
            HostAnswer::Count(count) => Ok(count),
            other => Err(other),
        })
    }
}

fn count(target: &Target) -> u32 {
    u32::try_from(target.namespace.lock().count(&target.rooms)).unwrap_or(u32::MAX)
}

fn owned(names: &[Arc<str>]) -> Vec<String> {
    names.iter().map(|name| name.as_ref().into()).collect()
}
