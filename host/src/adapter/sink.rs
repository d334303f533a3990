//! Where a socket's packets go out: the front door's outgoing queue, seen from inside.

use std::sync::atomic::AtomicBool;

use crate::frame::Frame;

/// A Socket.IO packet, ready for the wire: its text, and a binary message for each attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Text(Frame),
    Binary(Vec<Frame>),
}

impl Packet {
    /// The frames that leave together.
    pub(crate) fn frames(&self) -> &[Frame] {
        match self {
            Self::Text(frame) => std::slice::from_ref(frame),
            Self::Binary(frames) => frames,
        }
    }

    /// What it counts for in every bound on bytes.
    pub(crate) fn len(&self) -> usize {
        self.frames().iter().map(Frame::len).sum()
    }
}

/// The outgoing queue of one connection, shared by its sockets. Nothing here waits for the network.
pub(crate) trait Sink: Send + Sync {
    /// Queues a packet unless the socket's gate is shut. A volatile one is dropped if the client is not ready to receive. A
    /// queue over its bound takes nothing more and ends the connection.
    fn enqueue(&self, is_closed: &AtomicBool, packet: &Packet, volatile: bool);

    /// Queues a socket's last frame, if there is one, and shuts its gate: nothing can follow.
    fn close_socket(&self, is_closed: &AtomicBool, last: Option<Frame>);

    /// Marks the connection: its own task closes it once everything that was queued is delivered.
    fn close_connection(&self);

    /// Wakes the connection's task: there is something for it to see that is in no queue of its own.
    fn wake(&self);

    /// `polling` or `websocket`.
    fn transport(&self) -> &'static str;
}
