//! Sockets that a guest fetched. Their ticket holds the sockets themselves, and each is copied when its page is taken, so that a large
//! answer costs the host no memory while the guest lets it wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use innkeeper_contract::limits::PAGE_BYTES_MAX;

use super::handshake::{GuestHandshake, HandshakeFields};
use crate::adapter::{Socket, SocketState};
use crate::json;

/// What is wanted of each socket besides its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FetchFields {
    pub(crate) rooms: bool,
    pub(crate) data: bool,
    /// None: no handshake at all.
    pub(crate) handshake: Option<HandshakeFields>,
}

/// A socket as it stands when its page is taken.
pub(crate) struct RemoteSocket {
    pub(crate) id: String,
    pub(crate) handshake: Option<GuestHandshake>,
    pub(crate) rooms: Vec<String>,
    pub(crate) data: Option<String>,
}

/// Part of the answer.
#[derive(Default)]
pub(crate) struct FetchedPage {
    pub(crate) sockets: Vec<RemoteSocket>,
    /// Whether the ticket has more.
    pub(crate) more: bool,
}

/// The answer as its ticket holds it.
pub(super) struct Fetched {
    sockets: VecDeque<Arc<Socket>>,
    fields: FetchFields,
    with_secrets: bool,
}

impl FetchFields {
    pub(crate) const ALL: Self = Self { rooms: true, data: true, handshake: Some(HandshakeFields::ALL) };
}

impl Fetched {
    /// `with_secrets`: whether the guest may see what proves an identity.
    pub(super) fn new(sockets: Vec<Arc<Socket>>, fields: FetchFields, with_secrets: bool) -> Self {
        Self { sockets: sockets.into(), fields, with_secrets }
    }

    /// The next sockets, at most `most`, with no more bytes than a page has. Sockets that have left are left out.
    pub(super) fn next_page(&mut self, most: usize) -> FetchedPage {
        let (mut page, mut bytes) = (FetchedPage::default(), 0);
        while page.sockets.len() < most
            && let Some(socket) = self.sockets.front()
        {
            if let Some(copy) = self.copy(socket) {
                bytes += copy.len();
                if bytes > PAGE_BYTES_MAX && !page.sockets.is_empty() {
                    break;
                }
                page.sockets.push(copy);
            }
            self.sockets.pop_front();
        }
        page.more = !self.sockets.is_empty();
        page
    }

    fn copy(&self, socket: &Socket) -> Option<RemoteSocket> {
        if socket.state() == SocketState::Disconnected {
            return None;
        }
        let rooms = match self.fields.rooms {
            true => socket.namespace().lock().rooms_of(socket.id())?.iter().map(|room| room.as_ref().into()).collect(),
            false => Vec::new(),
        };
        let handshake = self.fields.handshake.map(|fields| GuestHandshake::of(socket, fields, self.with_secrets));
        let data = self.fields.data.then(|| socket.with_data(data_object));
        Some(RemoteSocket { id: socket.id().to_string(), handshake, rooms, data })
    }
}

impl RemoteSocket {
    /// Bytes of the texts in it.
    fn len(&self) -> usize {
        let rooms: usize = self.rooms.iter().map(String::len).sum();
        let handshake = self.handshake.as_ref().map_or(0, GuestHandshake::len);
        self.id.len() + handshake + rooms + self.data.as_ref().map_or(0, String::len)
    }
}

/// `socket.data` as the JSON object that it is.
pub(super) fn data_object(data: &BTreeMap<Box<str>, Box<str>>) -> String {
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
