//! The traits that the protocol on top of the engine implements: that protocol is Socket.IO.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use super::outbox::Outbox;
use crate::{frame::SocketShare, reason::DisconnectReason, request::Request};

/// Makes the Socket.IO side of each connection.
pub(crate) trait ProtocolFactory: Send + Sync {
    /// Called once for each session, before anything is read from the client. The OPEN packet is in the outbox already.
    fn open(&self, request: Arc<Request>, outbox: Arc<Outbox>) -> Box<dyn Protocol>;
}

/// The Socket.IO side of one connection. The session's task owns it, and nothing else calls it.
pub(crate) trait Protocol: Send {
    /// A text message, without Engine.IO's packet type. An error closes the connection for that reason: `closed` is called
    /// at once, what is in the outbox is still delivered, then the transport is closed.
    fn text(&mut self, message: &str) -> Result<(), DisconnectReason>;

    /// A binary message; errors as for `text`.
    fn binary(&mut self, message: &[u8]) -> Result<(), DisconnectReason>;

    /// Advances everything that is under way: futures of calls, timers. Polled in every turn of the session's task.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<EngineRequest>;

    /// Whether more may be read now. While the answer is no, reading pauses, but never longer than half of the ping timeout.
    fn accepts(&self) -> bool;

    /// So much waits for one of the sockets that it has to be disconnected, so that the others can stay. Returns its namespace, for
    /// the log, unless it is disconnected already.
    fn disconnect_socket(&mut self, socket: SocketShare) -> Option<Arc<str>>;

    /// `Outbox::close` was called: the last frames are to be queued now. They are delivered; `closed("forced close")` follows
    /// at once.
    fn closing(&mut self);

    /// The connection has ended. Called exactly once. Frames that are queued in this very call are still delivered if the
    /// transport can take them. After it only `poll` is called, until it returns `EngineRequest::Done`.
    fn closed(&mut self, reason: DisconnectReason);
}

/// What `Protocol::poll` asks of the session's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineRequest {
    /// Close the connection, as if `text` had returned this reason.
    Close(DisconnectReason),
    /// Only after `closed`: nothing is left to do, so the task may end.
    Done,
}
