//! Where the packets of a socket go out: the outgoing queue of its connection, as far as the adapter needs it.

use std::task::Waker;

use crate::frame::{Frame, SocketShare};
use crate::packet::EncodedPacket;

/// The outgoing queue of one connection, shared by its sockets. Nothing here waits for the network.
pub(crate) trait Sink: Send + Sync {
    /// Makes the part of a new socket, which is open until `close_socket`.
    fn open_socket(&self) -> SocketShare;

    /// Queues a packet, unless the socket's part is closed. A volatile one is dropped if the client is not ready to receive. A
    /// queue over its bound disconnects the socket for which the most waits, or ends the connection.
    fn enqueue(&self, owner: SocketShare, packet: &EncodedPacket, volatile: bool);

    /// Queues a socket's last frame, if there is one, and closes its part: nothing can follow.
    fn close_socket(&self, owner: SocketShare, last: Option<Frame>);

    /// Marks the connection: its own task closes it when everything that was queued has been delivered.
    fn close_connection(&self);

    /// Wakes a task that is not the connection's, when the connections of this loop that have something to do have had their turn: what all
    /// of them have for it wakes it once.
    fn wake_other(&self, task: Waker);

    /// Wakes the connection's task, because something changed that is in no queue of the task's own.
    fn wake(&self);

    /// The number of the connection in the log.
    fn connection(&self) -> u64;

    /// `polling` or `websocket`.
    fn transport(&self) -> &'static str;
}
