//! The interface `sockets`.

use super::generated::innkeeper::plugin::sockets::{self, Handshake, Host, IdsPage, Page};
use super::generated::innkeeper::plugin::types::{Failure, Target};
use crate::adapter::HandshakeCopy;
use crate::plugin::host::{FetchFields, HandshakeFields, InstanceState, RemoteSocket};

impl Host for InstanceState {
    fn get_handshake(&mut self, socket: String, fields: Vec<String>) -> Result<Handshake, Failure> {
        let fields = HandshakeFields::parse(&fields).map_err(|refusal| self.refused(refusal))?;
        let handshake = Self::handshake(self, &socket, &fields).map_err(|refusal| self.refused(refusal))?;
        Ok(handshake.into())
    }

    fn get_data(&mut self, socket: String) -> Result<String, Failure> {
        self.data(&socket).map_err(|refusal| self.refused(refusal))
    }

    fn get_data_value(&mut self, socket: String, key: String) -> Result<Option<String>, Failure> {
        self.data_value(&socket, &key).map_err(|refusal| self.refused(refusal))
    }

    fn set_data(&mut self, socket: String, key: String, value: String) -> Result<(), Failure> {
        Self::set_data(self, &socket, key, value).map_err(|refusal| self.refused(refusal))
    }

    fn remove_data(&mut self, socket: String, key: String) -> Result<(), Failure> {
        Self::remove_data(self, &socket, key).map_err(|refusal| self.refused(refusal))
    }

    fn get_transport(&mut self, socket: String) -> Result<String, Failure> {
        self.transport(&socket).map_err(|refusal| self.refused(refusal))
    }

    fn disconnect(&mut self, socket: String, close: bool) -> Result<(), Failure> {
        self.disconnect_socket(&socket, close).map_err(|refusal| self.refused(refusal))
    }

    fn disconnect_all(&mut self, target: Target, close: bool) -> Result<(), Failure> {
        Self::disconnect_all(self, target.into(), close).map_err(|refusal| self.refused(refusal))
    }

    fn ids(&mut self, target: Target, after: Option<String>, most: u32) -> Result<Vec<String>, Failure> {
        self.socket_ids(target.into(), after.as_deref(), most).map_err(|refusal| self.refused(refusal))
    }

    fn ask_ids(&mut self, target: Target, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        self.ask_socket_ids(target.into(), timeout_ms).map_err(|refusal| self.refused(refusal))
    }

    fn found(&mut self, ticket: u64, most: u32) -> Result<IdsPage, Failure> {
        let (ids, more, nodes_missing) = self.take_socket_ids(ticket, most).map_err(|refusal| self.refused(refusal))?;
        Ok(IdsPage { ids, more, nodes_missing })
    }

    fn fetch(&mut self, target: Target, fields: Vec<String>, timeout_ms: Option<u32>) -> Result<u64, Failure> {
        self.ask_fetch(target.into(), FetchFields::parse(&fields), timeout_ms).map_err(|refusal| self.refused(refusal))
    }

    fn fetched(&mut self, ticket: u64, most: u32) -> Result<Page, Failure> {
        let page = self.take_fetched(ticket, most).map_err(|refusal| self.refused(refusal))?;
        let sockets = page.sockets.into_iter().map(Into::into).collect();
        // Answers on the wire between nodes do not say whose they are.
        Ok(Page { sockets, more: page.more, nodes_missing: page.nodes_missing, missing_nodes: Vec::new() })
    }
}

impl From<HandshakeCopy> for Handshake {
    fn from(handshake: HandshakeCopy) -> Self {
        let HandshakeCopy { headers, query, auth, address, url, issued_ms, secure, xdomain } = handshake;
        Self { headers, query, auth, address, url, issued_ms, secure, xdomain }
    }
}

impl From<RemoteSocket> for sockets::RemoteSocket {
    fn from(socket: RemoteSocket) -> Self {
        let RemoteSocket { id, handshake, rooms, data } = socket;
        Self { id, handshake: handshake.map(Into::into), rooms, data }
    }
}
