//! An event that another node emitted with `serverSideEmit`.

use std::sync::Arc;

use crate::adapter::Namespace;
use crate::packet::{Message, Payload};

/// Answers the node that asked, with the first of the arguments. Called at most once, from anywhere; it only queues.
pub(crate) type Reply = Box<dyn FnOnce(&Payload) + Send>;

/// An event of another node.
pub(crate) struct ServerEvent {
    /// Where it was emitted.
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) message: Message,
    /// If the node asks for an answer. Dropping it leaves that node without one.
    pub(crate) reply: Option<Reply>,
}

/// Receives the events of other nodes.
pub(crate) trait ServerEvents: Send + Sync {
    /// Takes an event over. Called in the order in which events arrive; it only queues, and drops what has no handler here.
    fn arrived(&self, event: ServerEvent);
}
