//! Sockets that a guest fetched. Their ticket holds the sockets themselves, and each is copied when its page is taken, so that a large
//! answer costs the host no memory while the guest lets it wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use innkeeper_contract::fields;
use innkeeper_contract::limits::PAGE_BYTES_MAX;

use super::handshake::{HandshakeFields, Names};
use crate::adapter::{HandshakeCopy, Socket, SocketState};
use crate::json;
use crate::peers::PeerSocket;

/// The fields that are requested of each socket besides its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchFields {
    pub(crate) rooms: bool,
    pub(crate) data: bool,
    /// None: no handshake at all.
    pub(crate) handshake: Option<HandshakeFields>,
}

/// A socket as it stands when its page is taken.
pub(crate) struct RemoteSocket {
    pub(crate) id: String,
    pub(crate) handshake: Option<HandshakeCopy>,
    pub(crate) rooms: Vec<String>,
    pub(crate) data: Option<String>,
}

/// Part of the answer.
#[derive(Default)]
pub(crate) struct FetchedPage {
    pub(crate) sockets: Vec<RemoteSocket>,
    /// Whether the ticket has more.
    pub(crate) more: bool,
    /// How many other nodes did not answer.
    pub(crate) nodes_missing: u32,
}

/// The answer as its ticket holds it.
pub(super) struct Fetched {
    sockets: VecDeque<Arc<Socket>>,
    /// Of other nodes, as they were when those answered.
    others: VecDeque<PeerSocket>,
    fields: FetchFields,
    with_secrets: bool,
}

impl FetchFields {
    /// The fields of these names; unknown names are ignored.
    pub(crate) fn parse(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|field| field == name);
        let basics = has(fields::HANDSHAKE);
        let (headers, auth) = (has(fields::HEADERS), has(fields::AUTH));
        let handshake =
            HandshakeFields { address: basics, query: Names::all_if(basics), url: basics, headers: Names::all_if(headers), auth };
        let is_wanted = basics || headers || auth;
        Self { rooms: has(fields::ROOMS), data: has(fields::DATA), handshake: is_wanted.then_some(handshake) }
    }
}

impl Fetched {
    /// `with_secrets`: whether the guest may see what proves an identity.
    pub(super) fn new(sockets: Vec<Arc<Socket>>, fields: FetchFields, with_secrets: bool) -> Self {
        Self { sockets: sockets.into(), others: VecDeque::new(), fields, with_secrets }
    }

    /// Adds the sockets of another node.
    pub(super) fn add(&mut self, sockets: Vec<PeerSocket>) {
        self.others.extend(sockets);
    }

    /// The next sockets, at most `most`, with no more bytes than a page has. Sockets that have disconnected are left out.
    pub(super) fn next_page(&mut self, most: usize) -> FetchedPage {
        let (mut page, mut bytes) = (FetchedPage::default(), 0);
        while page.sockets.len() < most {
            let copy = match (self.sockets.front(), self.others.front()) {
                (Some(socket), _) => self.copy(socket),
                (None, Some(other)) => Some(self.copy_other(other)),
                (None, None) => break,
            };
            if let Some(copy) = copy {
                bytes += copy.len();
                if bytes > PAGE_BYTES_MAX && !page.sockets.is_empty() {
                    break;
                }
                page.sockets.push(copy);
            }
            if self.sockets.pop_front().is_none() {
                self.others.pop_front();
            }
        }
        page.more = !self.sockets.is_empty() || !self.others.is_empty();
        page
    }

    fn copy_other(&self, socket: &PeerSocket) -> RemoteSocket {
        let of_peer = |fields: &HandshakeFields| fields.of_peer(&socket.handshake, self.with_secrets);
        RemoteSocket {
            id: socket.id.clone(),
            handshake: self.fields.handshake.as_ref().map(of_peer),
            rooms: if self.fields.rooms { socket.rooms.clone() } else { Vec::new() },
            data: self.fields.data.then(|| socket.data.clone()),
        }
    }

    fn copy(&self, socket: &Socket) -> Option<RemoteSocket> {
        if socket.state() == SocketState::Disconnected {
            return None;
        }
        let rooms = match self.fields.rooms {
            true => socket.namespace().lock().rooms_of(socket.id())?.iter().map(|room| room.as_ref().into()).collect(),
            false => Vec::new(),
        };
        let handshake = self.fields.handshake.as_ref().map(|fields| fields.of(socket, self.with_secrets));
        let data = self.fields.data.then(|| socket.with_data(data_object));
        Some(RemoteSocket { id: socket.id().to_string(), handshake, rooms, data })
    }
}

impl RemoteSocket {
    /// Bytes of the texts in it.
    fn len(&self) -> usize {
        let rooms: usize = self.rooms.iter().map(String::len).sum();
        let handshake = self.handshake.as_ref().map_or(0, HandshakeCopy::len);
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use innkeeper_contract::limits::PAGE_BYTES_MAX;

    use super::{FetchFields, Fetched, HandshakeFields};
    use crate::adapter::{Adapter, Handshake, RoomFilter, Sink, Socket, SocketId};
    use crate::frame::{Frame, SocketShare};
    use crate::packet::{EncodedPacket, connect_packet};
    use crate::reason::DisconnectReason;
    use crate::request::Request;

    /// A connection whose client reads nothing.
    struct Unread;

    impl Sink for Unread {
        fn open_socket(&self) -> SocketShare {
            SocketShare::CONNECTION
        }

        fn enqueue(&self, _owner: SocketShare, _packet: &EncodedPacket, _volatile: bool) {}

        fn close_socket(&self, _owner: SocketShare, _last: Option<Frame>) {}

        fn close_connection(&self) {}

        fn wake_other(&self, _task: std::task::Waker) {}

        fn wake(&self) {}

        fn connection(&self) -> u64 {
            1
        }

        fn transport(&self) -> &'static str {
            "websocket"
        }
    }

    fn sockets(count: usize) -> Vec<Arc<Socket>> {
        sockets_of(count, "/socket.io/")
    }

    fn sockets_of(count: usize, url: &str) -> Vec<Arc<Socket>> {
        let namespace = Adapter::default().namespace("/");
        let headers = [("cookie", "secret".into()), ("origin", "page".into())];
        let request = Arc::new(Request::new(headers.into_iter(), url, IpAddr::V4(Ipv4Addr::LOCALHOST)));
        for _ in 0..count {
            let handshake = Handshake { request: request.clone(), auth: Some("{}".into()), issued_ms: 7 };
            let socket = Socket::new(SocketId::random().unwrap(), namespace.clone(), handshake, Arc::new(Unread));
            namespace.lock().admit(&Arc::new(socket), &connect_packet("/", "id"));
        }
        namespace.lock().select(&RoomFilter::default())
    }

    fn fields(names: &[&str]) -> FetchFields {
        FetchFields::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn pages_follow_each_other_and_leave_out_disconnected_sockets() {
        let all = sockets(5);
        let mut fetched = Fetched::new(all.clone(), fields(&[]), false);
        let first = fetched.next_page(2);
        assert_eq!((first.sockets.len(), first.more), (2, true));
        let gone = &all[3];
        gone.namespace().lock().disconnect(gone, DisconnectReason::TransportClose, None);
        let last = fetched.next_page(10);
        assert_eq!((last.sockets.len(), last.more), (2, false));
        assert!(last.sockets.iter().all(|socket| socket.id != gone.id().as_str() && socket.rooms.is_empty()));
    }

    #[test]
    fn a_page_has_a_bound_of_bytes_and_at_least_one_socket() {
        let all = sockets(3);
        for socket in &all {
            socket.set_data("large", Some("1".repeat(PAGE_BYTES_MAX).into()));
        }
        let mut fetched = Fetched::new(all, fields(&["data"]), false);
        let pages: Vec<_> = (0..3).map(|_| fetched.next_page(10)).map(|page| (page.sockets.len(), page.more)).collect();
        assert_eq!(pages, [(1, true), (1, true), (1, false)]);
    }

    #[test]
    fn a_socket_has_the_fields_that_were_requested_and_no_secrets_without_the_capability() {
        let all = sockets(1);
        let copy =
            |names: &[&str], with_secrets| Fetched::new(all.clone(), fields(names), with_secrets).next_page(1).sockets.remove(0);
        let bare = copy(&["unknown"], true);
        assert!(bare.handshake.is_none() && bare.data.is_none() && bare.rooms.is_empty());
        let socket = copy(&["rooms", "data"], true);
        assert_eq!((socket.rooms.as_slice(), socket.data.as_deref()), ([bare.id].as_slice(), Some("{}")));
        let handshake = copy(&["handshake"], true).handshake.unwrap();
        assert_eq!((&*handshake.address, &*handshake.url, handshake.headers.len()), ("127.0.0.1", "/socket.io/", 0));
        for (with_secrets, headers, auth) in [(true, 2, Some("{}")), (false, 1, None)] {
            let handshake = copy(&["headers", "auth"], with_secrets).handshake.unwrap();
            assert_eq!((handshake.headers.len(), handshake.auth.as_deref()), (headers, auth));
            assert!(handshake.address.is_empty() && handshake.xdomain);
        }
    }

    #[test]
    fn one_parameter_of_a_long_query_is_copied_without_the_others() {
        let url = format!("/socket.io/?word=first&word=last{}", "&a".repeat(5_000));
        let socket = sockets_of(1, &url).remove(0);
        let copy = |field: &str, with_secrets| {
            let fields = HandshakeFields::parse(&[field.to_owned()]).unwrap();
            fields.of(&socket, with_secrets)
        };
        let word = copy("query:word", false);
        assert_eq!((word.query.as_slice(), word.len()), ([("word".to_owned(), "last".to_owned())].as_slice(), 8));
        assert_eq!(copy("address", false).len(), "127.0.0.1".len());
        assert_eq!(copy("headers:cookie", true).len(), "cookiesecret".len());
        assert_eq!(copy("headers:cookie", false).len(), 0, "a secret is none of its headers, also by name");
    }
}
