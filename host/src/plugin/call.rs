//! A call: one entry of the host into one export of one plugin, for one thing; and how it ended.

use std::sync::Arc;

use super::failure::Failure;
use super::progress::Progress;
use crate::adapter::Socket;
use crate::effect::Effects;
use crate::packet::Payload;

/// One entry into one export of one plugin.
pub(crate) struct Call {
    pub(crate) export: Export,
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
    Connection { kind: &'static str },
    EventMiddleware(Arc<Event>),
    Event(Arc<Event>),
    Disconnecting { reason: &'static str },
    Disconnect { reason: &'static str },
    Start,
    Timer(Arc<TimerCall>),
}

/// A timer that is due, as the export `timer` gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimerCall {
    pub(crate) name: Box<str>,
    pub(crate) data: Box<str>,
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
    Failed { failure: Failure, broke: bool },
}
