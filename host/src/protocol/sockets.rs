//! The sockets of one connection: one for each namespace that it is on, and those whose `disconnect` handlers still run.

use std::sync::Arc;
use std::task::Context;

use super::limits::Backlog;
use crate::adapter::{Socket, SocketState};
use crate::dispatch::Queue;
use crate::reason::DisconnectReason;

/// Names of namespaces that are kept after the server has disconnected a socket there. By pattern clients choose names, and the last ones
/// matter: packets are on their way for a moment only.
const ENDED_KEPT: usize = 100;

/// The queues of the sockets. There are few, so they are searched one by one.
#[derive(Default)]
pub(super) struct ConnectionSockets {
    queues: Vec<Queue>,
    /// Namespaces that the server disconnected: packets that the client sent there before it received DISCONNECT are ignored.
    ended_by_server: Vec<Arc<str>>,
    /// How often the connection was refused a namespace.
    refused: usize,
}

/// The socket of a connection on one namespace.
pub(super) enum NamespaceSlot<'a> {
    /// A socket that is connected, or pending.
    Occupied(&'a mut Queue),
    /// No socket, because the server disconnected it.
    EndedByServer,
    /// No socket.
    Free,
}

impl ConnectionSockets {
    pub(super) fn push(&mut self, namespace: &str, queue: Queue) {
        self.ended_by_server.retain(|name| **name != *namespace);
        self.queues.push(queue);
    }

    /// The socket on a namespace that is not disconnected.
    pub(super) fn slot(&mut self, namespace: &str) -> NamespaceSlot<'_> {
        let is_connected =
            |queue: &Queue| queue.socket().namespace().name() == namespace && queue.socket().state() != SocketState::Disconnected;
        // By index, since a found reference would keep all of them borrowed.
        if let Some(index) = self.queues.iter().position(is_connected) {
            return self.queues.get_mut(index).map_or(NamespaceSlot::Free, NamespaceSlot::Occupied);
        }
        let disconnected = self.queues.iter().rev().find(|queue| queue.socket().namespace().name() == namespace);
        let by_server =
            disconnected.and_then(|queue| queue.socket().disconnect_reason()).is_some_and(DisconnectReason::is_server_disconnect);
        if by_server || self.ended_by_server.iter().any(|name| **name == *namespace) {
            NamespaceSlot::EndedByServer
        } else {
            NamespaceSlot::Free
        }
    }

    /// Polls every queue, again while one disconnected the socket of another, and removes those that are done.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        loop {
            let Self { queues, ended_by_server, refused } = self;
            queues.retain_mut(|queue| {
                let is_over = queue.poll(context).is_ready();
                *refused += usize::from(is_over && queue.socket().disconnect_reason() == Some(DisconnectReason::Refused));
                if is_over && queue.socket().disconnect_reason().is_some_and(DisconnectReason::is_server_disconnect) {
                    if ended_by_server.len() >= ENDED_KEPT {
                        ended_by_server.remove(0);
                    }
                    ended_by_server.push(queue.socket().namespace().name().into());
                }
                !is_over
            });
            if !self.queues.iter().any(Queue::has_unseen_disconnect) {
                break;
            }
        }
    }

    pub(super) fn note_refused(&mut self) {
        self.refused += 1;
    }

    /// How often the connection was refused a namespace, by a plugin or because it does not exist.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    /// The sockets that are not disconnected.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &Arc<Socket>> {
        self.queues.iter().map(Queue::socket).filter(|socket| socket.state() != SocketState::Disconnected)
    }

    /// How many sockets there are, those whose `disconnect` handlers still run included.
    pub(super) fn len(&self) -> usize {
        self.queues.len()
    }

    pub(super) fn backlog(&self) -> Backlog {
        self.queues.iter().fold(Backlog::default(), |sum, queue| {
            let (events, bytes) = queue.backlog();
            Backlog { events: sum.events + events, bytes: sum.bytes + bytes }
        })
    }
}
