//! The interface `sockets`.

use super::generated::innkeeper::plugin::sockets::{self, Handshake, Host, IdsPage, Page};
use super::generated::innkeeper::plugin::types::{Failure, Target};
use crate::plugin::host::{FetchFields, GuestHandshake, HandshakeFields, InstanceState, RemoteSocket};

impl Host for InstanceState {
    fn get_handshake(&mut self, socket: String, fields: Vec<String>) -> Result<Handshake, Failure> {
        Ok(self.handshake(&socket, &HandshakeFields::parse(&fields)?)?.into())
    }

    fn get_data(&mut self, socket: String) -> Result<String, Failure> {
        Ok(self.data(&socket)?)
    }

    fn set_data(&mut self, socket: String, key: String, value: String) -> Result<(), Failure> {
        Ok(Self::set_data(self, &socket, key, value)?)
    }

    fn remove_data(&mut self, socket: String, key: String) -> Result<(), Failure> {
        Ok(Self::remove_data(self, &socket, key)?)
    }

    fn get_transport(&mut self, socket: String) -> Result<String, Failure> {
        Ok(self.transport(&socket)?)
    }

    fn disconnect(&mut self, socket: String, close: bool) -> Result<(), Failure> {
        Ok(self.disconnect_socket(&socket, close)?)
    }

    fn disconnect_all(&mut self, target: Target, close: bool) -> Result<(), Failure> {
        Ok(Self::disconnect_all(self, target.into(), close)?)
    }

    fn ids(&mut self, target: Target, after: Option<String>, most: u32) -> Result<Vec<String>, Failure> {
        Ok(self.socket_ids(target.into(), after.as_deref(), most)?)
    }

    fn ask_ids(&mut self, target: Target, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Ok(self.ask_socket_ids(target.into())?)
    }

    fn found(&mut self, ticket: u64, most: u32) -> Result<IdsPage, Failure> {
        let (ids, more) = self.take_socket_ids(ticket, most)?;
        Ok(IdsPage { ids, more, nodes_missing: 0 })
    }

    fn fetch(&mut self, target: Target, fields: Vec<String>, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Ok(self.ask_fetch(target.into(), FetchFields::parse(&fields))?)
    }

    fn fetched(&mut self, ticket: u64, most: u32) -> Result<Page, Failure> {
        let page = self.take_fetched(ticket, most)?;
        let sockets = page.sockets.into_iter().map(Into::into).collect();
        Ok(Page { sockets, more: page.more, nodes_missing: 0, missing_nodes: Vec::new() })
    }
}

impl From<GuestHandshake> for Handshake {
    fn from(handshake: GuestHandshake) -> Self {
        let GuestHandshake { headers, query, auth, address, url, issued_ms, secure, xdomain } = handshake;
        Self { headers, query, auth, address, url, issued_ms, secure, xdomain }
    }
}

impl From<RemoteSocket> for sockets::RemoteSocket {
    fn from(socket: RemoteSocket) -> Self {
        let RemoteSocket { id, handshake, rooms, data } = socket;
        Self { id, handshake: handshake.map(Into::into), rooms, data }
    }
}
