//! The factory of the Socket.IO side of connections.

use std::sync::Arc;

use super::connection::Connection;
use super::limits::ConnectionLimits;
use crate::adapter::Adapter;
use crate::dispatch::Dispatcher;
use crate::engine::{Outbox, Protocol, ProtocolFactory};
use crate::limit_hits::LimitHits;
use crate::request::Request;

/// Makes the Socket.IO side of each connection that the engine accepts.
pub(crate) struct SocketIo {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) adapter: Arc<Adapter>,
    pub(crate) limits: ConnectionLimits,
    pub(crate) limit_hits: Arc<LimitHits>,
}

impl ProtocolFactory for SocketIo {
    fn open(&self, request: Arc<Request>, outbox: Arc<Outbox>) -> Box<dyn Protocol> {
        Box::new(Connection::new(
            self.dispatcher.clone(),
            self.adapter.clone(),
            self.limits,
            self.limit_hits.clone(),
            request,
            outbox,
        ))
    }
}
