//! What travels between nodes, in the format of `@socket.io/redis-adapter` 8: broadcasts and what has binary in it as msgpack, all else as
//! JSON. Whatever comes is checked here, under the bounds that plugins have.

mod broadcast;
mod names;
mod python;
mod request;
mod response;
mod sockets;

pub(super) use broadcast::{Broadcast, encode_broadcast};
pub(super) use python::{PythonKind, PythonMessage, python_message};
pub(super) use request::{Request, RequestKind, decode_request, encode_request};
pub(super) use response::{OwnResponse, Response, ResponseKind, decode_response, encode_response};
pub(super) use sockets::SocketsAnswer;

use crate::adapter::RoomFilter;

/// Why a message of another node is ignored.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ignored {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Msgpack(#[from] crate::msgpack::DecodeError),
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("{0}")]
    Refused(&'static str),
    #[error("requests of the type {0} are unknown here")]
    UnknownType(u64),
}

/// The numbers of the types of requests and responses.
pub(super) mod types {
    pub(in crate::cluster) const SOCKETS: u64 = 0;
    pub(in crate::cluster) const ALL_ROOMS: u64 = 1;
    pub(in crate::cluster) const REMOTE_JOIN: u64 = 2;
    pub(in crate::cluster) const REMOTE_LEAVE: u64 = 3;
    pub(in crate::cluster) const REMOTE_DISCONNECT: u64 = 4;
    pub(in crate::cluster) const REMOTE_FETCH: u64 = 5;
    pub(in crate::cluster) const SERVER_SIDE_EMIT: u64 = 6;
    pub(in crate::cluster) const BROADCAST: u64 = 7;
    pub(in crate::cluster) const BROADCAST_CLIENT_COUNT: u64 = 8;
    pub(in crate::cluster) const BROADCAST_ACK: u64 = 9;
}

/// The one room of a broadcast that is for one: its name stands in the channel.
pub(super) fn only_room(rooms: &RoomFilter) -> Option<&str> {
    match rooms.any.as_slice() {
        [room] => Some(room),
        _ => None,
    }
}
