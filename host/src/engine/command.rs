//! What requests send to a session's task.

use tokio::sync::oneshot::Sender;

use super::{response::PollingResponse, websocket::Websocket};

/// A request of the client's, for the session's task.
pub(super) enum Command {
    /// A GET: the response is sent when there are packets.
    Poll(Sender<PollingResponse>),
    /// A POST with its body.
    Post(String, Sender<PollingResponse>),
    /// A websocket that the session may upgrade to.
    Probe(Box<Websocket>),
}
