//! A call: one entry of the host into one export of one plugin, for one thing; and how it ended.

use std::sync::Arc;

use super::failure::Failure;
use super::progress::Progress;
use crate::adapter::{Namespace, Socket, TimerId};
use crate::effect::Effects;
use crate::packet::{Message, Payload};
use crate::peers::PluginReply;
use crate::reason::DisconnectReason;

/// One entry into one export of one plugin.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) export: Export,
    /// The index of the namespace among those that the plugin registered. None for what concerns no socket.
    pub(crate) registration: Option<u32>,
    /// None for what concerns no socket: the plugin's start, a timer without a socket.
    pub(crate) socket: Option<Arc<Socket>>,
    /// Where the writes and the questions of the call go.
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) progress: Arc<Progress>,
}

/// The export that is entered, and its arguments besides the socket.
#[derive(Clone)]
pub(crate) enum Export {
    ConnectMiddleware,
    Connection {
        kind: &'static str,
    },
    EventMiddleware(Arc<Event>),
    Event(Arc<Event>),
    Disconnecting(Disconnection),
    Disconnect(Disconnection),
    /// `instance` counts from 0; the kind is one of `kinds`.
    Start {
        instance: u32,
        kind: &'static str,
    },
    Timer(Arc<TimerCall>),
    ServerEvent(Arc<ServerEventCall>),
    /// Of a `shared` plugin: answers have come. No call of its own.
    Wake,
    /// Of a `shared` plugin, for the generation after this one.
    Snapshot,
    /// Of a `shared` plugin, with what the generation before left.
    Restore,
}

impl Export {
    /// Whether its answer is a verdict.
    pub(super) fn is_middleware(&self) -> bool {
        matches!(self, Self::ConnectMiddleware | Self::EventMiddleware(_))
    }

    /// Whether it belongs to the connect chain of its socket.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(self, Self::ConnectMiddleware | Self::Connection { .. })
    }
}

/// How a socket was disconnected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disconnection {
    pub(crate) reason: DisconnectReason,
    /// JSON: the second argument of Node's `disconnect`. The transports have none so far.
    pub(crate) details: Option<Arc<str>>,
}

/// A timer that is due, as the export `timer` gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimerCall {
    pub(crate) id: TimerId,
    pub(crate) data: Box<str>,
}

/// An event of another node, as one plugin gets it.
pub(crate) struct ServerEventCall {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) message: Message,
    /// If the node asks for an answer.
    pub(crate) reply: Option<Arc<PluginReply>>,
}

impl ServerEventCall {
    /// Bytes of its texts.
    pub(super) fn len(&self) -> usize {
        self.message.name.len() + self.message.payload.len()
    }
}

/// An event of a client, or what middleware made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) payload: Payload,
    /// The id under which the client awaits an ack.
    pub(crate) ack: Option<u64>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// The call ended well: its writes have been applied, the ack that the handler returned as the last of them.
    Done,
    /// Middleware lets another event through instead.
    Rewritten { name: String, payload: Payload },
    /// Middleware rejects; the writes of the call have been applied.
    Rejected(Failure),
    /// The plugin reported a failure, or broke: the writes of the call are dropped.
    Failed { failure: Failure, kind: FailureKind },
}

/// Why a call failed, for `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The plugin said so.
    Reported,
    /// No instance was free in time.
    Saturated,
    /// It took longer than `call_ms`.
    CallTime,
    /// It computed longer than `run_ms`.
    RunTime,
    /// A trap, or an answer that is none.
    Broke,
}

impl FailureKind {
    /// All kinds with their labels, in the order of their numbers.
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Reported, "reported"),
        (Self::Saturated, "saturated"),
        (Self::CallTime, "call_ms"),
        (Self::RunTime, "run_ms"),
        (Self::Broke, "broke"),
    ];
}
