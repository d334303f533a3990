//! The factory of the Socket.IO side of connections.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::connection::Connection;
use super::limits::ConnectionLimits;
use crate::adapter::Adapter;
use crate::dispatch::Dispatcher;
use crate::engine::{Outbox, Protocol, ProtocolFactory};
use crate::limit_hits::LimitHits;
use crate::request::Request;

/// Makes the Socket.IO side of each connection that the engine accepts.
pub(crate) struct SocketIo {
    dispatcher: Arc<Dispatcher>,
    adapter: Arc<Adapter>,
    limits: ArcSwap<ConnectionLimits>,
    limit_hits: Arc<LimitHits>,
}

impl SocketIo {
    pub(crate) fn new(
        dispatcher: Arc<Dispatcher>,
        adapter: Arc<Adapter>,
        limits: ConnectionLimits,
        limit_hits: Arc<LimitHits>,
    ) -> Self {
        Self { dispatcher, adapter, limits: ArcSwap::from_pointee(limits), limit_hits }
    }

    /// From now on new connections have these.
    pub(crate) fn set_limits(&self, limits: ConnectionLimits) {
        self.limits.store(Arc::new(limits));
    }
}

impl ProtocolFactory for SocketIo {
    fn open(&self, request: Arc<Request>, outbox: Arc<Outbox>) -> Box<dyn Protocol> {
        Box::new(Connection::new(
            self.dispatcher.clone(),
            self.adapter.clone(),
            **self.limits.load(),
            self.limit_hits.clone(),
            request,
            outbox,
        ))
    }
}
