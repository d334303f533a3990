//! What nodes ask each other and answer, apart from how it is written.

use std::time::Duration;

use serde_json::value::RawValue;

use super::sockets::{self, SocketId};
use crate::adapter::RoomFilter;
use crate::packet::{Message, Payload};
use crate::peers::PeerSocket;

/// A request of another node.
#[derive(Debug)]
pub(in crate::cluster) struct Request {
    /// Absent in those of emitters.
    pub(in crate::cluster) uid: Option<String>,
    /// Where an answer is awaited.
    pub(in crate::cluster) number: Option<String>,
    pub(in crate::cluster) kind: RequestKind,
}

/// What is wanted.
#[derive(Debug)]
pub(in crate::cluster) enum RequestKind {
    Ids(RoomFilter),
    Rooms,
    Sockets(RoomFilter),
    Join {
        rooms: RoomFilter,
        joined: Vec<Box<str>>,
    },
    Leave {
        rooms: RoomFilter,
        left: Vec<Box<str>>,
    },
    Disconnect {
        rooms: RoomFilter,
        close: bool,
    },
    ServerEvent(Message),
    /// An emit whose acks are sent on.
    Clients {
        message: Message,
        rooms: RoomFilter,
        timeout: Option<Duration>,
    },
}

/// The response of another node.
#[derive(Debug)]
pub(in crate::cluster) struct Response {
    /// The number of the request.
    pub(in crate::cluster) number: String,
    pub(in crate::cluster) kind: ResponseKind,
}

/// What is answered; what of it is meant depends on the request.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cluster) enum ResponseKind {
    /// How many clients are asked.
    ClientCount(u32),
    /// What one client answered.
    Ack(Payload),
    /// JSON.
    Other { sockets: Option<String>, rooms: Option<Vec<String>>, data: Option<String> },
}

impl ResponseKind {
    /// The ids of sockets; of whole sockets too.
    pub(in crate::cluster) fn ids(&self) -> Option<Vec<String>> {
        let Self::Other { sockets: Some(sockets), .. } = self else { return None };
        let ids: Vec<SocketId> = serde_json::from_str(sockets).ok()?;
        Some(ids.into_iter().map(SocketId::into_text).collect())
    }

    /// The names of rooms.
    pub(in crate::cluster) fn rooms(self) -> Option<Vec<String>> {
        match self {
            Self::Other { rooms, .. } => rooms,
            _ => None,
        }
    }

    /// Whole sockets.
    pub(in crate::cluster) fn sockets(&self) -> Option<Vec<PeerSocket>> {
        let Self::Other { sockets: Some(text), .. } = self else { return None };
        sockets::decode(text)
    }

    /// The answer to a server event: an array of one argument, of none where there is none.
    pub(in crate::cluster) fn argument(&self) -> Option<Payload> {
        let Self::Other { data, .. } = self else { return None };
        let args = data.as_ref().map_or_else(|| "[]".to_owned(), |data| format!("[{data}]"));
        Some(Payload { args, attachments: Vec::new() })
    }
}

/// A response of this node that is no list.
pub(in crate::cluster) enum OwnResponse<'a> {
    /// It is done; requests of older versions about one socket await that.
    Done,
    /// How many clients are asked.
    ClientCount(usize),
    /// What one client answered: an array of arguments, of which the first travels.
    Ack(&'a Payload),
    /// The answer to a server event.
    Argument(&'a Payload),
}

/// The first element of a JSON array.
pub(super) fn first_argument(args: &str) -> Option<&str> {
    let elements: Vec<&RawValue> = serde_json::from_str(args).ok()?;
    elements.first().map(|element| element.get())
}
