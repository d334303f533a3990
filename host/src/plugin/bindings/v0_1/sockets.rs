//! The interface `sockets`.

use innkeeper_contract::limits::PAGE_ENTRIES_MAX;

use super::generated::innkeeper::plugin::sockets::{self, Handshake, Host};
use super::generated::innkeeper::plugin::types::{Failure, Target};
use crate::plugin::host::{FetchFields, GuestHandshake, HandshakeFields, InstanceState, RemoteSocket};

impl Host for InstanceState {
    fn get_handshake(&mut self, socket: String) -> Result<Handshake, Failure> {
        Ok(self.handshake(&socket, HandshakeFields::ALL)?.into())
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

    fn fetch(&mut self, target: Target, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Ok(self.ask_fetch(target.into(), FetchFields::ALL)?)
    }

    fn fetched(&mut self, ticket: u64) -> Result<Vec<sockets::RemoteSocket>, Failure> {
        let mut sockets = Vec::new();
        loop {
            let page = self.take_fetched(ticket, PAGE_ENTRIES_MAX)?;
            sockets.extend(page.sockets.into_iter().map(Into::into));
            if !page.more {
                return Ok(sockets);
            }
        }
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
        Self { id, handshake: handshake.unwrap_or_default().into(), rooms, data: data.unwrap_or_default() }
    }
}
