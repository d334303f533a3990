//! Sockets that were fetched, perhaps from other nodes.

use crate::error::Result;
use crate::handshake::Handshake;
use crate::{host, json};
use innkeeper_contract::fields;
use serde::de::DeserializeOwned;

/// A field that [`Broadcast::fetch`](crate::Broadcast::fetch) requests of each socket. The id is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The rooms that the socket is in.
    Rooms,
    /// `socket.data`.
    Data,
    /// The handshake, without its headers and `auth`.
    Handshake,
    /// The `auth` of the handshake. Needs the capability `handshake:secrets`.
    Auth,
    /// The headers of the handshake.
    Headers,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rooms, Self::Data, Self::Handshake, Self::Auth, Self::Headers];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rooms => fields::ROOMS,
            Self::Data => fields::DATA,
            Self::Handshake => fields::HANDSHAKE,
            Self::Auth => fields::AUTH,
            Self::Headers => fields::HEADERS,
        }
    }
}

/// The answer to [`Broadcast::fetch`](crate::Broadcast::fetch).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// The sockets of all nodes that answered in time.
    pub sockets: Vec<RemoteSocket>,
    /// How many other nodes did not answer in time.
    pub nodes_missing: u32,
    /// The names of those nodes, where the host has them.
    pub missing_nodes: Vec<String>,
}

impl Fetched {
    pub(crate) fn new(page: host::Page, namespace: &str) -> Self {
        let host::Page { sockets, nodes_missing, missing_nodes, .. } = page;
        let sockets = sockets.into_iter().map(|inner| RemoteSocket { namespace: namespace.to_owned(), inner }).collect();
        Self { sockets, nodes_missing, missing_nodes }
    }
}

/// A socket, perhaps of another node, as it stood when that node answered. What was not requested is empty.
///
/// The socket is reached through its own room, as Socket.IO does it, because only the node that has a socket can find it by its id.
#[derive(Clone, Debug)]
pub struct RemoteSocket {
    namespace: String,
    inner: host::RemoteSocket,
}

impl RemoteSocket {
    /// The id of the socket.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The name of its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The rooms that it is in.
    pub fn rooms(&self) -> &[String] {
        &self.inner.rooms
    }

    /// `socket.data[key]`.
    ///
    /// # Errors
    /// If the value is of another type.
    pub fn data<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.inner.data.as_deref().map_or(Ok(None), |data| json::member(data, key))
    }

    /// `socket.data`, whole: as a type of the plugin's own, or as a [`Map`](serde_json::Map).
    ///
    /// # Errors
    /// If the data is of another type.
    pub fn data_all<T: DeserializeOwned>(&self) -> Result<T> {
        json::whole(self.inner.data.as_deref().unwrap_or("{}"), "data")
    }

    /// How the client connected.
    pub fn handshake(&self) -> Handshake {
        self.inner.handshake.clone().map_or_else(Handshake::default, Handshake::from)
    }
}
