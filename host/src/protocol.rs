//! The front door: Socket.IO v5 on top of the engine's messages.
//!
//! A [`Connection`](connection::Connection) is one connection. It knows which namespaces the connection is on, turns messages into events
//! for the queues of its sockets, and leaves everything that has to be decided to the plugins behind them.

mod attachments;
mod connection;
mod packet;
mod sink;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use crate::adapter::Adapter;
use crate::dispatch::Dispatcher;
use crate::engine::{Outbox, Protocol, ProtocolFactory};
use crate::request::Request;

/// Lets connections in.
pub(crate) struct SocketIo {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) adapter: Arc<Adapter>,
    pub(crate) limits: ConnectionLimits,
}

/// What one connection may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// How long a connection may be on no namespace.
    pub(crate) connect_timeout: Duration,
    pub(crate) namespaces: usize,
    /// Attachments of one packet.
    pub(crate) attachments: usize,
    /// Events that wait, above which reading pauses.
    pub(crate) high: Backlog,
    /// Events that wait, above which the client is disconnected.
    pub(crate) most: Backlog,
}

/// What a connection has sent and nobody has begun to handle.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backlog {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Backlog {
    /// Whether either measure is above `bound`.
    pub(crate) fn exceeds(self, bound: Self) -> bool {
        self.events > bound.events || self.bytes > bound.bytes
    }
}

impl ProtocolFactory for SocketIo {
    fn open(&self, request: Arc<Request>, outbox: Arc<Outbox>) -> Box<dyn Protocol> {
        let (dispatcher, adapter) = (self.dispatcher.clone(), self.adapter.clone());
        Box::new(connection::Connection::new(dispatcher, adapter, self.limits, request, outbox))
    }
}
