//! The front door: Socket.IO v5 on top of the engine's messages.
//!
//! A [`Client`](client::Client) is one connection. It knows which namespaces the connection is on, turns messages into events
//! for the queues of its sockets, and leaves everything that has to be decided to the plugins behind them.

mod attachments;
mod client;
mod packet;
mod seats;
mod sink;

use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::Hall;
use crate::engine::{Front, Outbox, Upper};
use crate::request::Request;
use crate::sockets::Sockets;

/// Lets connections in.
pub(crate) struct Door {
    pub(crate) hall: Arc<Hall>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) bounds: Bounds,
}

/// What one connection may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
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

impl Front for Door {
    fn open(&self, request: Arc<Request>, outbox: Arc<Outbox>) -> Box<dyn Upper> {
        let (hall, sockets) = (self.hall.clone(), self.sockets.clone());
        Box::new(client::Client::new(hall, sockets, self.bounds, request, outbox))
    }
}
