//! The namespaces that one connection is on, and those that it is just leaving.

use std::sync::Arc;
use std::task::Context;

use super::Backlog;
use crate::adapter::{Socket, SocketState};
use crate::dispatch::Queue;

/// The sockets of one connection. There are few, so they are looked up one by one.
#[derive(Default)]
pub(super) struct ConnectionSockets {
    queues: Vec<Queue>,
    /// Namespaces whose socket the server ended: what the client sent there before it knew is ignored.
    ended_by_server: Vec<Arc<str>>,
}

/// What a packet for a namespace meets.
pub(super) enum NamespaceSlot<'a> {
    /// A socket that is in, or on its way in.
    Occupied(&'a mut Queue),
    /// None, because the server ended it.
    EndedByServer,
    /// None.
    Free,
}

impl ConnectionSockets {
    pub(super) fn push(&mut self, namespace: &str, queue: Queue) {
        self.ended_by_server.retain(|name| **name != *namespace);
        self.queues.push(queue);
    }

    /// The socket of a namespace that has not left.
    pub(super) fn slot(&mut self, namespace: &str) -> NamespaceSlot<'_> {
        let is_connected =
            |queue: &Queue| queue.socket().namespace().name() == namespace && queue.socket().state() != SocketState::Left;
        // By index, since a found reference would keep all of them borrowed.
        if let Some(index) = self.queues.iter().position(is_connected) {
            return self.queues.get_mut(index).map_or(NamespaceSlot::Free, NamespaceSlot::Occupied);
        }
        let leaving = self.queues.iter().rev().find(|queue| queue.socket().namespace().name() == namespace);
        let by_server = leaving.and_then(|queue| queue.socket().disconnect_reason()).is_some_and(is_by_server);
        if by_server || self.ended_by_server.iter().any(|name| **name == *namespace) {
            NamespaceSlot::EndedByServer
        } else {
            NamespaceSlot::Free
        }
    }

    /// Runs every queue, again and again while one ended the stay of another, and lets go of those that are done.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        loop {
            let Self { queues, ended_by_server } = self;
            queues.retain_mut(|queue| {
                let is_over = queue.poll(context).is_ready();
                if is_over && queue.socket().disconnect_reason().is_some_and(is_by_server) {
                    ended_by_server.push(queue.socket().namespace().name().into());
                }
                !is_over
            });
            if !self.queues.iter().any(Queue::has_unseen_disconnect) {
                break;
            }
        }
    }

    /// The sockets that have not left.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &Arc<Socket>> {
        self.queues.iter().map(Queue::socket).filter(|socket| socket.state() != SocketState::Left)
    }

    /// All sockets, those whose disconnect handlers still run included.
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

fn is_by_server(reason: &'static str) -> bool {
    reason == crate::effect::SERVER_DISCONNECT
}
