//! What requests and the outbox send to a session's task.

use tokio::sync::oneshot::Sender;

use super::{probe::ProbeRequest, response::PollingResponse};
use crate::frame::SocketShare;

/// Something that the session's task has to do.
pub(super) enum Command {
    /// A GET: the response is sent when there are packets.
    Poll(Sender<PollingResponse>),
    /// A POST with its body.
    Post(String, Sender<PollingResponse>),
    /// A websocket that the session may upgrade to.
    Probe(Box<ProbeRequest>),
    /// Not of a request: so much waits for this socket that it has to be disconnected from its namespace.
    DisconnectSocket(SocketShare),
}
