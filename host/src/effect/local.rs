//! Carrying out writes on the sockets of this node.

use std::sync::Arc;

use super::{Effects, QuestionTarget, Target, Write, disconnect_frame};
use crate::adapter::{Locked, Packet, Question, Socket, SocketState};

/// Socket.IO's reason for a socket that a plugin disconnected.
pub(crate) const SERVER_DISCONNECT: &str = "server namespace disconnect";

/// The sockets of this node: here writes are carried out.
pub(crate) struct LocalEffects;

impl Effects for LocalEffects {
    fn apply(&self, writes: &mut Vec<Write>) {
        // Most sets touch no namespace, or one: then this is one pass.
        while let Some(namespace) = writes.iter().find_map(Write::namespace).cloned() {
            apply_to(&mut namespace.lock(), writes);
        }
        for write in writes.drain(..) {
            apply_unlocked(write);
        }
    }

    fn ask(&self, target: &QuestionTarget, packet: &mut dyn FnMut(u64) -> Packet) -> (u64, Arc<Question>) {
        let question = Arc::new(Question::default());
        let namespace = match target {
            QuestionTarget::Socket(socket) => socket.namespace(),
            QuestionTarget::Rooms(target) => &target.namespace,
        };
        let ack = namespace.question_id();
        let packet = packet(ack);
        let locked = namespace.lock();
        match target {
            QuestionTarget::Socket(socket) => locked.ask_socket(socket, ack, &packet, &question),
            QuestionTarget::Rooms(Target { rooms, .. }) => locked.ask(rooms, ack, &packet, &question),
        }
        (ack, question)
    }

    fn admit(&self, socket: &Arc<Socket>, connect: &Packet, held: &mut Vec<Write>) {
        {
            let mut locked = socket.namespace().lock();
            locked.admit(socket, connect);
            apply_to(&mut locked, held);
        }
        self.apply(held);
    }

    fn release(&self) {}

    fn held(&self, _read: &mut dyn FnMut(&[Write])) {}
}

/// Applies what concerns this namespace, and keeps the rest.
fn apply_to(locked: &mut Locked<'_>, writes: &mut Vec<Write>) {
    let name: *const str = locked.name();
    let concerns = |write: &mut Write| match write.socket() {
        Some(socket) => std::ptr::eq(socket.namespace().name(), name),
        None => write.namespace().is_some_and(|namespace| std::ptr::eq(namespace.name(), name)),
    };
    for write in writes.extract_if(.., concerns) {
        apply_locked(locked, write);
    }
}

fn apply_locked(locked: &mut Locked<'_>, write: Write) {
    match write {
        Write::Emit { .. } | Write::Ack { .. } | Write::Data { .. } | Write::SetTimer { .. } | Write::ClearTimer { .. } => {
            apply_unlocked(write);
        }
        Write::Broadcast { target, packet, volatile } => locked.broadcast(&target.rooms, &packet, volatile),
        Write::Join { socket, rooms } => rooms.iter().for_each(|room| locked.join(socket.id(), room)),
        Write::Leave { socket, rooms } => rooms.iter().for_each(|room| locked.leave(socket.id(), room)),
        Write::JoinAll { target, rooms } => {
            for socket in locked.select(&target.rooms) {
                rooms.iter().for_each(|room| locked.join(socket.id(), room));
            }
        }
        Write::LeaveAll { target, rooms } => {
            for socket in locked.select(&target.rooms) {
                rooms.iter().for_each(|room| locked.leave(socket.id(), room));
            }
        }
        Write::Disconnect { socket, close } => disconnect(locked, &socket, close),
        Write::DisconnectAll { target, close } => {
            for socket in locked.select(&target.rooms) {
                disconnect(locked, &socket, close);
            }
        }
    }
}

/// What needs no namespace: it concerns one client only.
fn apply_unlocked(write: Write) {
    match write {
        Write::Emit { socket, packet, volatile } => socket.enqueue(&packet, volatile),
        Write::Ack { socket, ack, packet } => {
            if socket.close_ack(ack) {
                socket.enqueue(&packet, false);
            } else {
                tracing::debug!(sid = %socket.id(), ack, "a second ack, or one to a socket that left, was dropped");
            }
        }
        Write::Data { socket, key, value } => socket.set_data(&key, value),
        Write::SetTimer { timers, timer } => timers.set(timer),
        Write::ClearTimer { timers, name, socket } => timers.clear(&name, socket.as_ref()),
        _ => {}
    }
}

/// Takes a socket out. With `close` its connection is marked, and the connection's own task does the rest.
fn disconnect(locked: &mut Locked<'_>, socket: &Arc<Socket>, close: bool) {
    if socket.state() == SocketState::Left {
        return;
    }
    let last = disconnect_frame(locked.name());
    locked.disconnect(socket, SERVER_DISCONNECT, Some(last));
    if close {
        socket.sink().close_connection();
    }
}
