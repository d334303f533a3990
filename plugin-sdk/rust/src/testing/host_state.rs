//! Who is in the house of a test: sockets, rooms and what the clients have received. One struct, no locks of its own, and time that
//! only moves when it is told to.

use super::limits::Windows;
use super::plugin::LoadedPlugin;
use super::queue::Queue;
use super::random::Random;
use super::scheduler::{Job, JobId};
use super::store::Buckets;
use super::timers::Timers;
use super::write::Write;
use super::{ConnectError, Line};
use crate::bindings::innkeeper::plugin::types::Target;
use crate::host::Handshake;
use crate::payload::Payload;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A socket, by the order in which they came. None is ever taken out of the list.
pub(super) type SocketIndex = usize;

/// Everything that a test host knows.
pub(super) struct HostState {
    /// Since the host was made.
    pub(super) now: Duration,
    /// What the clock showed then, in milliseconds since 1970.
    pub(super) born_ms: u64,
    pub(super) random: Random,
    pub(super) call_limit: Duration,
    pub(super) plugins: Vec<Arc<LoadedPlugin>>,
    /// Of each plugin, as `plugins`.
    pub(super) timers: Vec<Timers>,
    pub(super) windows: Vec<Windows>,
    /// Whether a call of the plugin that belongs to no socket runs: those come one at a time.
    pub(super) own_call: Vec<bool>,
    pub(super) sockets: Vec<ServerSocket>,
    pub(super) questions: Vec<Question>,
    pub(super) store: Buckets,
    /// Valid tokens: key, token, claims.
    pub(super) tokens: BTreeMap<(String, String), serde_json::Value>,
    pub(super) log: Vec<Line>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) jobs_started: JobId,
    /// Connections that a plugin closed, not yet taken apart.
    pub(super) closing: Vec<usize>,
    pub(super) connections: usize,
}

/// Where a socket is in its life. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketState {
    Pending,
    Joined,
    Left,
}

/// How far a socket's connect chain is: until it is open, writes are held back.
pub(super) enum ConnectPhase {
    /// What middleware wrote to the socket itself is held.
    Middleware(Vec<Write>),
    /// Everything is held.
    Connection(Vec<Write>),
    Done,
}

/// One socket.
pub(super) struct ServerSocket {
    pub(super) id: String,
    pub(super) namespace: String,
    pub(super) connection: usize,
    /// With its secrets.
    pub(super) handshake: Handshake,
    pub(super) life: SocketState,
    pub(super) connecting: ConnectPhase,
    /// JSON by key.
    pub(super) data: BTreeMap<String, String>,
    /// Its own included. Kept as it was when the socket left.
    pub(super) rooms: Vec<String>,
    pub(super) reason: Option<String>,
    pub(super) refused: Option<ConnectError>,
    pub(super) queue: Queue,
    /// Acks that the client waits for.
    pub(super) open_acks: BTreeSet<u64>,
    /// The client's side: the last id that it gave, what it received, and the acks that came.
    pub(super) last_ack: u64,
    pub(super) inbox: Vec<Packet>,
    pub(super) acks: BTreeMap<u64, Payload>,
}

/// An event as a client received it.
pub(super) struct Packet {
    pub(super) name: String,
    pub(super) payload: Payload,
    /// The question that it may answer.
    pub(super) question: Option<usize>,
}

/// An emit that awaits acks. Everyone who was asked is in one of the lists.
#[derive(Default)]
pub(super) struct Question {
    pub(super) open: Vec<SocketIndex>,
    pub(super) responses: Vec<(SocketIndex, Payload)>,
    pub(super) missing: Vec<SocketIndex>,
}

impl HostState {
    pub(super) fn now_ms(&self) -> u64 {
        self.born_ms + u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX)
    }

    /// The claims of a token that is valid now.
    pub(super) fn claims(&self, key: &str, token: &str) -> Option<String> {
        let claims = self.tokens.get(&(key.to_owned(), token.to_owned()))?;
        let now = self.now_ms() as f64 / 1_000.0;
        let at = |claim: &str| claims.get(claim).and_then(serde_json::Value::as_f64);
        let is_valid = at("exp").is_none_or(|end| now < end) && at("nbf").is_none_or(|begin| begin <= now);
        is_valid.then(|| claims.to_string())
    }

    /// The socket of this id that is in its namespace.
    pub(super) fn find(&self, id: &str) -> Option<SocketIndex> {
        self.sockets.iter().position(|socket| socket.id == id && socket.life == SocketState::Joined)
    }

    /// Those who are meant, in the order in which they came.
    pub(super) fn select(&self, target: &Target) -> Vec<SocketIndex> {
        let meant = |socket: &ServerSocket| {
            let is_in = |room: &String| socket.rooms.contains(room);
            let in_rooms = target.rooms.is_empty() || target.rooms.iter().any(is_in);
            let is_here = socket.life == SocketState::Joined && socket.namespace == target.namespace;
            is_here && in_rooms && !target.except.iter().any(is_in)
        };
        (0..self.sockets.len()).filter(|number| meant(&self.sockets[*number])).collect()
    }

    /// Whether a namespace exists: `/`, and whatever a plugin registered.
    pub(super) fn has_namespace(&self, name: &str) -> bool {
        name == "/" || self.plugins.iter().any(|plugin| plugin.namespace(name).is_some())
    }

    /// The plugins of a namespace, in order.
    pub(super) fn chain(&self, namespace: &str) -> Vec<Arc<LoadedPlugin>> {
        self.plugins.iter().filter(|plugin| plugin.namespace(namespace).is_some()).cloned().collect()
    }

    /// An event for a client. Nothing reaches one that has left.
    pub(super) fn put(&mut self, socket: SocketIndex, name: &str, payload: &Payload, question: Option<usize>) {
        let socket_state = &mut self.sockets[socket];
        if socket_state.life != SocketState::Left {
            socket_state.inbox.push(Packet { name: name.to_owned(), payload: payload.clone(), question });
        }
    }

    pub(super) fn join(&mut self, socket: SocketIndex, rooms: &[String]) {
        let socket_state = &mut self.sockets[socket];
        if socket_state.life != SocketState::Joined {
            return;
        }
        for room in rooms {
            if !socket_state.rooms.contains(room) {
                socket_state.rooms.push(room.clone());
            }
        }
    }

    pub(super) fn leave(&mut self, socket: SocketIndex, rooms: &[String]) {
        let socket_state = &mut self.sockets[socket];
        if socket_state.life == SocketState::Joined {
            socket_state.rooms.retain(|room| !rooms.contains(room));
        }
    }

    /// The one step that lets a pending socket in, with everything that was held back for it.
    pub(super) fn open(&mut self, socket: SocketIndex) {
        if !matches!(self.sockets[socket].connecting, ConnectPhase::Connection(_)) {
            return;
        }
        let connecting = std::mem::replace(&mut self.sockets[socket].connecting, ConnectPhase::Done);
        let socket_state = &mut self.sockets[socket];
        if socket_state.life == SocketState::Pending {
            socket_state.life = SocketState::Joined;
            socket_state.rooms = vec![socket_state.id.clone()];
        }
        if let ConnectPhase::Connection(held) = connecting {
            self.apply(held);
        }
    }

    /// A socket leaves, in one step. The first reason counts.
    pub(super) fn disconnect(&mut self, socket: SocketIndex, reason: &str) {
        let socket_state = &mut self.sockets[socket];
        if socket_state.life == SocketState::Left {
            return;
        }
        socket_state.life = SocketState::Left;
        socket_state.reason = Some(reason.to_owned());
        socket_state.open_acks.clear();
        for question in &mut self.questions {
            if let Some(index) = question.open.iter().position(|open| *open == socket) {
                question.open.remove(index);
                question.missing.push(socket);
            }
        }
    }

    /// The whole connection ends.
    pub(super) fn close(&mut self, connection: usize, reason: &str) {
        for socket in 0..self.sockets.len() {
            if self.sockets[socket].connection == connection {
                self.disconnect(socket, reason);
            }
        }
    }

    /// Asks sockets.
    pub(super) fn ask(&mut self, sockets: Vec<SocketIndex>, name: &str, payload: &Payload) -> usize {
        let question = self.questions.len();
        let open: Vec<SocketIndex> =
            sockets.into_iter().filter(|socket| self.sockets[*socket].life != SocketState::Left).collect();
        self.questions.push(Question { open: open.clone(), ..Question::default() });
        for socket in open {
            self.put(socket, name, payload, Some(question));
        }
        question
    }

    /// A client answers. The first answer counts, and none that comes too late.
    pub(super) fn answer(&mut self, question: usize, socket: SocketIndex, payload: Payload) {
        let question = &mut self.questions[question];
        if let Some(index) = question.open.iter().position(|open| *open == socket) {
            question.open.remove(index);
            question.responses.push((socket, payload));
        }
    }
}
