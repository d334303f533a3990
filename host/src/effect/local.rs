//! The local adapter: applies writes to the sockets of this node.

use std::collections::VecDeque;
use std::iter;
use std::sync::Arc;

use super::effects::Effects;
use super::joins::Joins;
use super::publisher::Publisher;
use super::write::{Asked, QuestionTarget, Target, TimerChange, Write};
use crate::adapter::{Locked, Namespace, Socket, SocketState, lock_all};
use crate::event_loops::WakeLater;
use crate::fixed_limits::REFUSED_JOIN_LINES_MAX;
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;
use crate::packet::{EncodedPacket, disconnect_packet};
use crate::reason::DisconnectReason;

/// Sockets that the writes of one hold of the locks reach: about a millisecond.
pub(super) const DELIVERIES_PER_HOLD: usize = 10_000;

/// What each of the writes takes besides, in deliveries.
const DELIVERIES_PER_WRITE: usize = 10;

/// Writes of one hold of the locks, at most.
const WRITES_PER_HOLD: usize = DELIVERIES_PER_HOLD / DELIVERIES_PER_WRITE;

/// Applies writes on this node, and hands them to the publisher, if there is one.
pub(crate) struct LocalEffects {
    rooms_per_socket_max: usize,
    publisher: Option<Arc<dyn Publisher>>,
    refused_joins: LogLimiter,
    limit_hits: Arc<LimitHits>,
}

impl LocalEffects {
    pub(crate) fn new(rooms_per_socket_max: usize, publisher: Option<Arc<dyn Publisher>>, limit_hits: Arc<LimitHits>) -> Self {
        Self { rooms_per_socket_max, publisher, refused_joins: LogLimiter::new(REFUSED_JOIN_LINES_MAX), limit_hits }
    }

    /// Applies what another node has published, as many writes as keep others waiting for a moment only, and takes them out of the list.
    pub(crate) fn apply_from_peers(&self, writes: &mut VecDeque<Write>) {
        let _later = WakeLater::begin();
        let mut namespaces = concerned(writes, Vec::new());
        self.apply_locked(&mut lock_all(&mut namespaces), writes, None);
    }

    /// Applies the writes in call order, while all namespaces that they concern are locked: all of them, unless they reach so many
    /// sockets that others would wait too long for the locks.
    fn apply_locked(&self, namespaces: &mut [Locked<'_>], writes: &mut VecDeque<Write>, publisher: Option<&dyn Publisher>) {
        let now = self.in_one_hold(namespaces, writes);
        if let Some(publisher) = publisher.filter(|_| !namespaces.is_empty() && now > 0) {
            publisher.publish(writes.make_contiguous().get_mut(..now).unwrap_or_default());
        }
        let mut writes = writes.drain(..now).peekable();
        while let Some(write) = writes.next() {
            if let Write::Timer { timers, change } = write {
                // All that follow one another at once.
                let others = iter::from_fn(|| timer_change(writes.next_if(|next| matches!(next, Write::Timer { .. }))?));
                timers.change(&mut iter::once(change).chain(others));
                continue;
            }
            match write.namespace().and_then(|concerned| find(namespaces, concerned)) {
                Some(locked) => self.apply_to(locked, write),
                None => apply_to_client(write),
            }
        }
    }

    /// How many of the writes are applied under one hold of the locks: at least one.
    fn in_one_hold(&self, namespaces: &mut [Locked<'_>], writes: &VecDeque<Write>) -> usize {
        if writes.len() < 2 {
            return writes.len();
        }
        let (mut reached, mut joins) = (0, Joins::default());
        for (index, write) in writes.iter().take(WRITES_PER_HOLD).enumerate() {
            let count =
                |target: &Target| find(namespaces, &target.namespace).map_or(0, |locked| joins.count(locked, &target.rooms));
            reached += DELIVERIES_PER_WRITE + write.reach(count);
            joins.note(write);
            if reached > DELIVERIES_PER_HOLD {
                return index.max(1);
            }
        }
        writes.len().min(WRITES_PER_HOLD)
    }

    fn apply_to(&self, locked: &mut Locked<'_>, write: Write) {
        match write {
            Write::Emit { .. } | Write::Ack { .. } | Write::Data { .. } | Write::Reply { .. } => apply_to_client(write),
            // Changed before, several at once.
            Write::Timer { .. } => {}
            Write::Broadcast { target, message, packet } => {
                let sockets = locked.broadcast(&target.rooms, &packet, target.flags.volatile);
                target.namespace.events().delivered(&message.name, sockets);
            }
            Write::Question { target, message, packet, asked: Asked { ack, question, .. } } => {
                let sockets = match &*target {
                    QuestionTarget::Socket(socket) => {
                        locked.ask_socket(socket, ack, &packet, &question);
                        1
                    }
                    QuestionTarget::Rooms(Target { rooms, .. }) => locked.ask(rooms, ack, &packet, &question),
                };
                question.set_asked();
                locked.events().delivered(&message.name, sockets);
            }
            Write::Join { socket, rooms } => self.join(locked, &socket, &rooms),
            Write::Leave { socket, rooms } => locked.leave(&socket, &rooms),
            Write::JoinAll { target, rooms } => {
                for socket in locked.select(&target.rooms) {
                    self.join(locked, &socket, &rooms);
                }
            }
            Write::LeaveAll { target, rooms } => {
                for socket in locked.select(&target.rooms) {
                    locked.leave(&socket, &rooms);
                }
            }
            Write::Disconnect { socket, close } => disconnect(locked, &socket, close),
            Write::DisconnectAll { target, close } => {
                for socket in locked.select(&target.rooms) {
                    disconnect(locked, &socket, close);
                }
            }
            // For other nodes alone.
            Write::ServerEvent { .. } => {}
            Write::AskPeers { question, .. } => {
                if self.publisher.is_none() {
                    question.expect(0);
                }
            }
        }
    }

    /// A `join` was checked when it was recorded, but other calls may have joined the socket to rooms since, and a `join-all`
    /// cannot be checked before.
    fn join(&self, locked: &mut Locked<'_>, socket: &Socket, rooms: &[Box<str>]) {
        if locked.join(socket, rooms, self.rooms_per_socket_max).is_ok() {
            return;
        }
        self.limit_hits.hit(LimitHit::RoomsPerSocket);
        let Some(left_out) = self.refused_joins.admit() else { return };
        let most = self.rooms_per_socket_max;
        let namespace = locked.name();
        tracing::warn!(
            conn = socket.connection(),
            ns = namespace,
            sid = %socket.id(),
            left_out,
            "a socket is in at most {most} rooms (rooms_per_socket_max): it joined none of {} rooms",
            rooms.len()
        );
    }
}

impl Effects for LocalEffects {
    fn apply(&self, writes: &mut Vec<Write>) {
        let mut writes = VecDeque::from(std::mem::take(writes));
        while !writes.is_empty() {
            self.apply_some(&mut writes);
        }
    }

    fn apply_some(&self, writes: &mut VecDeque<Write>) {
        let _later = WakeLater::begin();
        let mut namespaces = concerned(writes, Vec::new());
        self.apply_locked(&mut lock_all(&mut namespaces), writes, self.publisher.as_deref());
    }

    fn admit(&self, socket: &Arc<Socket>, connect: &EncodedPacket, held: &mut VecDeque<Write>) {
        let _later = WakeLater::begin();
        let mut namespaces = concerned(held, vec![socket.namespace().clone()]);
        let mut locked = lock_all(&mut namespaces);
        if let Some(own) = find(&mut locked, socket.namespace()) {
            own.admit(socket, connect);
        }
        self.apply_locked(&mut locked, held, self.publisher.as_deref());
    }

    fn release_some(&self) -> bool {
        false
    }

    fn held(&self, _about: Option<&Arc<Socket>>, _read: &mut dyn FnMut(&[Write])) {}
}

/// The namespaces whose locks the writes of the next hold need, behind those that are in the list already. Most sets concern none, or one.
fn concerned(writes: &VecDeque<Write>, mut namespaces: Vec<Arc<Namespace>>) -> Vec<Arc<Namespace>> {
    for namespace in writes.iter().take(WRITES_PER_HOLD).filter_map(Write::namespace) {
        // Saves nearly all of the doubles; `lock_all` removes the rest.
        if !namespaces.last().is_some_and(|last| Arc::ptr_eq(last, namespace)) {
            namespaces.push(namespace.clone());
        }
    }
    namespaces
}

/// The lock of this namespace, out of those that `lock_all` took, which are in the order of their names.
fn find<'a, 'b>(locked: &'a mut [Locked<'b>], namespace: &Namespace) -> Option<&'a mut Locked<'b>> {
    let index = locked.binary_search_by(|locked| locked.name().cmp(namespace.name())).ok()?;
    locked.get_mut(index)
}

/// The change of a timer. All timers that one call changes are its plugin's.
fn timer_change(write: Write) -> Option<TimerChange> {
    match write {
        Write::Timer { change, .. } => Some(change),
        _ => None,
    }
}

/// Applies a write that needs no namespace, because it concerns one client only.
fn apply_to_client(write: Write) {
    match write {
        Write::Emit { socket, message, packet, flags } => {
            socket.enqueue(&packet, flags.volatile);
            socket.namespace().events().delivered(&message.name, usize::from(socket.state() == SocketState::Connected));
        }
        Write::Ack { socket, ack, packet, .. } => {
            if socket.close_ack(ack) {
                socket.enqueue(&packet, false);
            } else {
                tracing::debug!(conn = socket.connection(), sid = %socket.id(), ack, "a second ack, or one to a disconnected socket, was dropped");
            }
        }
        Write::Data { socket, key, value } => socket.set_data(&key, value),
        Write::Reply { reply, payload } => reply.answer(payload),
        _ => {}
    }
}

/// Disconnects a socket. With `close` its connection is marked, and the connection's own task does the rest.
fn disconnect(locked: &mut Locked<'_>, socket: &Arc<Socket>, close: bool) {
    if socket.state() == SocketState::Disconnected {
        return;
    }
    let last = disconnect_packet(locked.name());
    locked.disconnect(socket, DisconnectReason::ServerNamespaceDisconnect, Some(last));
    if close {
        socket.sink().close_connection();
    }
}
