//! `sockets`: handshake, data, transport, fetching and disconnecting.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::InstanceState;
use super::ticket::Ticket;
use crate::adapter::Socket;
use crate::effect::Write;
use crate::json;
use crate::plugin::bindings::v0_1::sockets::{Handshake, Host, RemoteSocket};
use crate::plugin::bindings::v0_1::types::{Failure, Target};
use crate::plugin::capability::HANDSHAKE_SECRETS;
use crate::plugin::validate::{self, refusal};

/// Headers that prove who somebody is.
const SECRET_HEADERS: [&str; 2] = ["cookie", "authorization"];

impl Host for InstanceState {
    fn get_handshake(&mut self, socket: String) -> Result<Handshake, Failure> {
        let socket = self.socket(&socket)?;
        Ok(handshake(&socket, self.has(HANDSHAKE_SECRETS)))
    }

    fn get_data(&mut self, socket: String) -> Result<String, Failure> {
        let socket = self.socket(&socket)?;
        Ok(self.overlay()?.data(&socket, object))
    }

    fn set_data(&mut self, socket: String, key: String, value: String) -> Result<(), Failure> {
        validate::value("value", &value)?;
        let Some(socket) = self.find(&socket)? else { return Ok(()) };
        let most = self.context.limits.data_bytes;
        let others = |data: &BTreeMap<Box<str>, Box<str>>| -> usize {
            data.iter().filter(|(other, _)| ***other != *key).map(|(key, value)| key.len() + value.len()).sum()
        };
        let size = self.overlay()?.data(&socket, others) + key.len() + value.len();
        if size > most {
            return Err(refusal("limit", format!("the data of a socket has at most {most} bytes (data_bytes_max)")));
        }
        self.record(Write::Data { socket, key: key.into(), value: Some(value.into()) })
    }

    fn remove_data(&mut self, socket: String, key: String) -> Result<(), Failure> {
        let Some(socket) = self.find(&socket)? else { return Ok(()) };
        self.record(Write::Data { socket, key: key.into(), value: None })
    }

    fn get_transport(&mut self, socket: String) -> Result<String, Failure> {
        Ok(self.socket(&socket)?.sink().transport().into())
    }

    fn disconnect(&mut self, socket: String, close: bool) -> Result<(), Failure> {
        let Some(socket) = self.find(&socket)? else { return Ok(()) };
        self.record(Write::Disconnect { socket, close })
    }

    fn disconnect_all(&mut self, target: Target, close: bool) -> Result<(), Failure> {
        let (target, _) = self.target(target)?;
        self.record(Write::DisconnectAll { target, close })
    }

    fn fetch(&mut self, target: Target, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        let (target, _) = self.target(target)?;
        let with_secrets = self.has(HANDSHAKE_SECRETS);
        let active = self.active()?;
        active.tickets.check_count()?;
        active.flush();
        // All of it is on this node, so the answer is there already.
        let found: Vec<_> = {
            let locked = target.namespace.lock();
            let selected = locked.select(&target.rooms);
            selected.into_iter().map(|socket| (locked.rooms_of(socket.id()).unwrap_or_default(), socket)).collect()
        };
        let sockets = found.into_iter().map(|(rooms, socket)| remote_socket(&socket, &rooms, with_secrets)).collect();
        Ok(active.tickets.add(Ticket::sockets(sockets)))
    }

    fn fetched(&mut self, ticket: u64) -> Result<Vec<RemoteSocket>, Failure> {
        self.active()?.tickets.take_sockets(ticket)
    }
}

fn remote_socket(socket: &Socket, rooms: &[Arc<str>], with_secrets: bool) -> RemoteSocket {
    RemoteSocket {
        id: socket.id().to_string(),
        handshake: handshake(socket, with_secrets),
        rooms: rooms.iter().map(|room| room.as_ref().into()).collect(),
        data: socket.with_data(object),
    }
}

fn handshake(socket: &Socket, with_secrets: bool) -> Handshake {
    let from = socket.handshake();
    let request = &*from.request;
    let pair = |(name, value): &(Box<str>, Box<str>)| (name.to_string(), value.to_string());
    let may_see = |(name, _): &&(Box<str>, Box<str>)| with_secrets || !SECRET_HEADERS.contains(&&**name);
    Handshake {
        headers: request.headers.iter().filter(may_see).map(pair).collect(),
        query: request.query.iter().map(pair).collect(),
        auth: from.auth.as_deref().filter(|_| with_secrets).map(Into::into),
        address: request.address.to_string(),
        url: request.url.to_string(),
        issued_ms: from.issued_ms,
        secure: request.secure,
        xdomain: request.headers.iter().any(|(name, _)| **name == *"origin"),
    }
}

/// `socket.data` as the JSON object that it is.
fn object(data: &BTreeMap<Box<str>, Box<str>>) -> String {
    let mut text = String::from("{");
    for (key, value) in data {
        if text.len() > 1 {
            text.push(',');
        }
        json::push_string(&mut text, key);
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}
