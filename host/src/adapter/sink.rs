//! Where the packets of a socket go out: the outgoing queue of its connection, as far as the adapter needs it.

use std::sync::atomic::AtomicBool;

use crate::frame::Frame;
use crate::packet::EncodedPacket;

/// The outgoing queue of one connection, shared by its sockets. Nothing here waits for the network.
pub(crate) trait Sink: Send + Sync {
    /// Queues a packet, unless the socket is closed. A volatile one is dropped if the client is not ready to receive. A queue
    /// over its bound takes nothing more and ends the connection.
    fn enqueue(&self, is_closed: &AtomicBool, packet: &EncodedPacket, volatile: bool);

    /// Queues a socket's last frame, if there is one, and marks the socket closed: nothing can follow.
    fn close_socket(&self, is_closed: &AtomicBool, last: Option<Frame>);

    /// Marks the connection: its own task closes it when everything that was queued has been delivered.
    fn close_connection(&self);

    /// Wakes the connection's task, because something changed that is in no queue of the task's own.
    fn wake(&self);

    /// `polling` or `websocket`.
    fn transport(&self) -> &'static str;
}
