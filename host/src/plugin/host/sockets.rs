//! `sockets`: handshake, data, transport, fetching and disconnecting.

use std::collections::BTreeMap;

use innkeeper_contract::limits::DATA_KEYS_MAX;
use innkeeper_contract::{Refusal, refusals};

use super::fetch::{FetchFields, Fetched, FetchedPage, data_object};
use super::handshake::HandshakeFields;
use super::state::{InstanceState, hold};
use super::target::GuestTarget;
use super::ticket::Ticket;
use crate::adapter::HandshakeCopy;
use crate::effect::Write;
use crate::peers::PeerRequest;
use crate::plugin::capability::Capability;
use crate::plugin::validate;

impl InstanceState {
    /// The fields of a socket's handshake.
    pub(crate) fn handshake(&mut self, socket: &str, fields: &HandshakeFields) -> Result<HandshakeCopy, Refusal> {
        let socket = self.socket(socket)?;
        Ok(fields.of(&socket, self.has(Capability::HandshakeSecrets)))
    }

    /// `socket.data` as JSON.
    pub(crate) fn data(&mut self, socket: &str) -> Result<String, Refusal> {
        let socket = self.socket(socket)?;
        Ok(self.overlay()?.data(&socket, data_object))
    }

    /// `socket.data[key]` as JSON.
    pub(crate) fn data_value(&mut self, socket: &str, key: &str) -> Result<Option<String>, Refusal> {
        let socket = self.socket(socket)?;
        Ok(self.overlay()?.data(&socket, |data| data.get(key).map(|value| value.to_string())))
    }

    /// Sets one key of `socket.data`.
    pub(crate) fn set_data(&mut self, socket: &str, key: String, value: String) -> Result<(), Refusal> {
        validate::value("value", &value)?;
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        let most = self.context.call_limits.data_bytes;
        let others = |data: &BTreeMap<Box<str>, Box<str>>| {
            let others = data.iter().filter(|(other, _)| ***other != *key).map(|(key, value)| key.len() + value.len());
            others.fold((0, 0), |(keys, bytes), len| (keys + 1, bytes + len))
        };
        let (keys, bytes) = self.overlay()?.data(&socket, others);
        if keys >= DATA_KEYS_MAX {
            return Err(refusals::data_keys());
        }
        if bytes + key.len() + value.len() > most {
            return Err(refusals::data_bytes(most));
        }
        self.record(Write::Data { socket, key: key.into(), value: Some(value.into()) })
    }

    /// Removes one key of `socket.data`.
    pub(crate) fn remove_data(&mut self, socket: &str, key: String) -> Result<(), Refusal> {
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        self.record(Write::Data { socket, key: key.into(), value: None })
    }

    /// `polling` or `websocket`.
    pub(crate) fn transport(&mut self, socket: &str) -> Result<String, Refusal> {
        Ok(self.socket(socket)?.sink().transport().into())
    }

    /// Disconnects a socket; with `close`, its connection too.
    pub(crate) fn disconnect_socket(&mut self, socket: &str, close: bool) -> Result<(), Refusal> {
        let Some(socket) = self.find(socket)? else { return Ok(()) };
        self.record(Write::Disconnect { socket, close })
    }

    /// The same for all sockets that match.
    pub(crate) fn disconnect_all(&mut self, target: GuestTarget, close: bool) -> Result<(), Refusal> {
        let target = self.target(target)?;
        self.record(Write::DisconnectAll { target, close })
    }

    /// The ids of the sockets of this node that match, in order, after the id `after`.
    pub(crate) fn socket_ids(&mut self, target: GuestTarget, after: Option<&str>, most: u32) -> Result<Vec<String>, Refusal> {
        let most = validate::page(most)?;
        let target = self.target(target)?;
        let mut ids = target.namespace.lock().ids(&target.rooms);
        ids.retain(|id| after.is_none_or(|after| id.as_str() > after));
        // A page of many is cheaper to select than all are to sort.
        if most < ids.len() {
            ids.select_nth_unstable(most);
            ids.truncate(most);
        }
        ids.sort_unstable();
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    /// The ids of all sockets that match, as a question.
    pub(crate) fn ask_socket_ids(&mut self, target: GuestTarget, timeout_ms: Option<u32>) -> Result<u64, Refusal> {
        let target = self.target(target)?;
        let (plugin, asks_peers) = (self.context.plugin.clone(), self.asks_peers(&target));
        let active = self.begin_question()?;
        let mut ids = target.namespace.lock().ids(&target.rooms);
        let held = hold(&plugin, size_of_val(&*ids))?;
        ids.sort_unstable();
        let ticket = Ticket::ids(ids.iter().map(|id| id.as_str().into()).collect()).holding(held);
        if !asks_peers {
            return Ok(active.tickets.add(ticket));
        }
        self.add_asking_peers(ticket, target.namespace, PeerRequest::Ids(target.rooms), timeout_ms)
    }

    /// Takes the next ids of the answer to `ask_socket_ids`, whether there are more, and how many nodes are missing.
    pub(crate) fn take_socket_ids(&mut self, ticket: u64, most: u32) -> Result<(Vec<String>, bool, u32), Refusal> {
        let most = validate::page(most)?;
        self.active()?.tickets.take_ids(ticket, most)
    }

    /// Fetches the sockets that match.
    pub(crate) fn ask_fetch(
        &mut self,
        target: GuestTarget,
        fields: FetchFields,
        timeout_ms: Option<u32>,
    ) -> Result<u64, Refusal> {
        let target = self.target(target)?;
        let with_secrets = self.has(Capability::HandshakeSecrets);
        let (plugin, asks_peers) = (self.context.plugin.clone(), self.asks_peers(&target));
        let active = self.begin_question()?;
        let sockets = target.namespace.lock().select(&target.rooms);
        let held = hold(&plugin, size_of_val(&*sockets))?;
        let ticket = Ticket::fetched(Fetched::new(sockets, fields, with_secrets)).holding(held);
        if !asks_peers {
            return Ok(active.tickets.add(ticket));
        }
        self.add_asking_peers(ticket, target.namespace, PeerRequest::Sockets(target.rooms), timeout_ms)
    }

    /// Takes the next page of the answer to `ask_fetch`.
    pub(crate) fn take_fetched(&mut self, ticket: u64, most: u32) -> Result<FetchedPage, Refusal> {
        let most = validate::page(most)?;
        self.active()?.tickets.take_fetched(ticket, most)
    }
}
