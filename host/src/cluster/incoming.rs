//! What other nodes want of this one, turned into writes and answers. Whatever comes is checked first: everybody who reaches Redis can send
//! it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::answers::Answering;
use super::channels::Channel;
use super::member::Cluster;
use super::outgoing::Outgoing;
use super::requests::{Asked, Asking};
use super::wire::{
    Broadcast, Ignored, NodesMessage, PythonKind, PythonMessage, Request, RequestKind, Response, ResponseKind, decode_nodes,
    decode_request, decode_response, encode_node, python_message,
};
use crate::adapter::{Adapter, Namespace, RoomFilter};
use crate::effect::{Flags, LocalEffects, Target, Write};
use crate::fixed_limits::PEER_MESSAGE_BYTES_MAX;
use crate::limit_hits::LimitHit;
use crate::peers::{PeerAnswer, ServerEvent, ServerEvents};

/// Acts on messages.
pub(super) struct Incoming {
    cluster: Arc<Cluster>,
    adapter: Arc<Adapter>,
    effects: Arc<LocalEffects>,
    events: Arc<dyn ServerEvents>,
    /// What this node says of itself: JSON.
    describe: Box<Describe>,
    answering: Answering,
}

/// A message of Redis.
pub(super) struct Received {
    /// If it came by the pattern for the broadcasts of this namespace.
    pub(super) namespace: Option<Box<str>>,
    pub(super) channel: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

/// What another node asks of this one: sockets, rooms, or the acks of clients.
pub(super) struct AskedHere {
    namespace: Arc<Namespace>,
    /// That node.
    uid: Option<String>,
    number: String,
    what: RequestKind,
}

/// Says what a node says of itself.
pub(crate) type Describe = dyn Fn() -> String + Send + Sync;

impl Incoming {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        adapter: Arc<Adapter>,
        effects: Arc<LocalEffects>,
        events: Arc<dyn ServerEvents>,
        describe: Box<Describe>,
    ) -> Self {
        let answering = Answering::new(cluster.clone(), effects.clone());
        Self { cluster, adapter, effects, events, describe, answering }
    }

    /// The names of the namespaces of this node.
    pub(super) fn namespaces(&self) -> Vec<Box<str>> {
        self.adapter.namespaces().iter().map(|namespace| namespace.name().into()).collect()
    }

    /// Whether there is a namespace of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.adapter.existing(name).is_some()
    }

    /// Applies what has come, as much as keeps others waiting for a moment only.
    pub(super) fn apply(&self, writes: &mut VecDeque<Write>) {
        self.effects.apply_from_peers(writes);
    }

    /// A message, turned into writes behind those that are there. What it asks is to be answered as it stands behind them.
    pub(super) fn take(&self, message: &Received, writes: &mut VecDeque<Write>) -> Option<AskedHere> {
        let channel = String::from_utf8_lossy(&message.channel);
        match &message.namespace {
            Some(namespace) => {
                self.broadcast(namespace, &channel, &message.payload, writes);
                None
            }
            None => self.message(&channel, &message.payload, writes),
        }
    }

    /// Answers what another node asks.
    pub(super) fn answer(&self, AskedHere { namespace, uid, number, what }: AskedHere) {
        self.answering.answer(&namespace, uid.as_deref(), number, what);
    }

    /// A broadcast to a namespace.
    fn broadcast(&self, namespace: &str, channel: &str, payload: &[u8], writes: &mut VecDeque<Write>) {
        let Some(namespace) = self.adapter.existing(namespace) else { return };
        let Some(room) = self.cluster.channels.room(namespace.name(), channel) else { return };
        // Most broadcasts to rooms are for rooms that are elsewhere: those are not decoded. A room that a write before this one makes is
        // here as soon as that is applied.
        if !room.is_empty() && writes.is_empty() && !is_here(&namespace, room) {
            return;
        }
        if let Err(why) = self.check_size(payload).and_then(|()| self.try_broadcast(&namespace, payload, writes)) {
            self.cluster.ignore(channel, &why);
        }
    }

    fn try_broadcast(&self, namespace: &Arc<Namespace>, payload: &[u8], writes: &mut VecDeque<Write>) -> Result<(), Ignored> {
        let Some(broadcast) = Broadcast::decode(payload, &self.cluster.uid, self.cluster.options.attachments_max)? else {
            return Ok(());
        };
        // The pattern of a namespace can match the channels of another one.
        if broadcast.namespace != namespace.name() {
            return Ok(());
        }
        let message = broadcast.message()?;
        let flags = Flags { volatile: broadcast.volatile, local: true };
        writes.push_back(Write::broadcast(Target { namespace: namespace.clone(), rooms: broadcast.rooms, flags }, message));
        Ok(())
    }

    /// A message on a channel of its own: a request, a response, or one of python-socketio.
    fn message(&self, channel: &str, payload: &[u8], writes: &mut VecDeque<Write>) -> Option<AskedHere> {
        let taken = self.check_size(payload).and_then(|()| match self.cluster.channels.parse(channel) {
            Some(Channel::Request(namespace)) => self.request(namespace, payload, writes),
            Some(Channel::Response(_)) => self.response(payload).map(|()| None),
            Some(Channel::Own) => self.nodes(payload).map(|()| None),
            None => self.python(payload, writes).map(|()| None),
        });
        taken.unwrap_or_else(|why| {
            self.cluster.ignore(channel, &why);
            None
        })
    }

    fn request(&self, namespace: &str, payload: &[u8], writes: &mut VecDeque<Write>) -> Result<Option<AskedHere>, Ignored> {
        let Some(namespace) = self.adapter.existing(namespace) else { return Ok(None) };
        let Request { uid, number, kind } = decode_request(payload, self.cluster.options.attachments_max)?;
        if uid.as_deref() == Some(&*self.cluster.uid) {
            return Ok(None);
        }
        let target = |rooms| Target { namespace: namespace.clone(), rooms, flags: Flags { volatile: false, local: true } };
        let done = || self.answering.done(&namespace, uid.as_deref(), number.as_deref());
        match kind {
            RequestKind::Join { rooms, joined } => {
                writes.push_back(Write::JoinAll { target: target(rooms), rooms: joined });
                done();
            }
            RequestKind::Leave { rooms, left } => {
                writes.push_back(Write::LeaveAll { target: target(rooms), rooms: left });
                done();
            }
            RequestKind::Disconnect { rooms, close } => {
                writes.push_back(Write::DisconnectAll { target: target(rooms), close });
                done();
            }
            RequestKind::ServerEvent(message) => {
                let reply = number.map(|number| self.answering.reply(&namespace, number));
                self.events.arrived(ServerEvent { namespace, message, reply });
            }
            what => {
                let number = number.ok_or(Ignored::Missing("requestId"))?;
                return Ok(Some(AskedHere { namespace, uid, number, what }));
            }
        }
        Ok(None)
    }

    fn check_size(&self, payload: &[u8]) -> Result<(), Ignored> {
        if payload.len() <= PEER_MESSAGE_BYTES_MAX {
            return Ok(());
        }
        self.cluster.limit_hits.hit(LimitHit::PeerMessageBytes);
        Err(Ignored::Refused("it has more than 16 MiB"))
    }

    fn response(&self, payload: &[u8]) -> Result<(), Ignored> {
        let Response { number, kind } = decode_response(payload, self.cluster.options.attachments_max)?;
        let Some(asking) = self.cluster.requests.find(&number) else { return Ok(()) };
        match asking {
            Asking::Clients(question) => {
                let Some(question) = question.upgrade() else { return Ok(()) };
                match kind {
                    ResponseKind::ClientCount(clients) => question.peer_asked(clients),
                    ResponseKind::Ack(payload) => question.peer_answered(payload),
                    ResponseKind::Other { .. } => return Err(Ignored::Missing("clientCount")),
                }
            }
            Asking::Peers(question, asked) => {
                let Some(question) = question.upgrade() else { return Ok(()) };
                let answer = match asked {
                    Asked::Ids => kind.ids().map(PeerAnswer::Ids),
                    Asked::Sockets => kind.sockets().map(PeerAnswer::Sockets),
                    Asked::Rooms => kind.rooms().map(PeerAnswer::Rooms),
                    Asked::ServerEvent => kind.argument().map(PeerAnswer::ServerEvent),
                    Asked::Nodes => None,
                };
                question.answer(answer.ok_or(Ignored::Missing("answer"))?, payload.len());
            }
        }
        Ok(())
    }

    fn nodes(&self, payload: &[u8]) -> Result<(), Ignored> {
        match decode_nodes(payload)? {
            Some(NodesMessage::Question { number, uid }) if *uid != *self.cluster.uid => {
                let payload = encode_node(&number, &(self.describe)());
                self.cluster.send(Outgoing::Response { channel: self.cluster.channels.own(), payload });
            }
            Some(NodesMessage::Answer { number, node }) => {
                let Some(Asking::Peers(question, Asked::Nodes)) = self.cluster.requests.find(&number) else { return Ok(()) };
                let bytes = node.len();
                if let Some(question) = question.upgrade() {
                    question.answer(PeerAnswer::Node(node), bytes);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn python(&self, payload: &[u8], writes: &mut VecDeque<Write>) -> Result<(), Ignored> {
        let Some(PythonMessage { namespace, rooms, kind }) = python_message(payload)? else { return Ok(()) };
        let Some(namespace) = self.adapter.existing(&namespace) else { return Ok(()) };
        let target =
            |rooms: RoomFilter| Target { namespace: namespace.clone(), rooms, flags: Flags { volatile: false, local: true } };
        writes.push_back(match kind {
            PythonKind::Emit(message) => Write::broadcast(target(rooms), message),
            PythonKind::Disconnect => Write::DisconnectAll { target: target(rooms), close: false },
            PythonKind::Join(joined) => Write::JoinAll { target: target(rooms), rooms: joined },
            PythonKind::Leave(left) => Write::LeaveAll { target: target(rooms), rooms: left },
        });
        Ok(())
    }
}

/// Whether the room has members here.
fn is_here(namespace: &Namespace, room: &str) -> bool {
    namespace.lock().has_room(room)
}
