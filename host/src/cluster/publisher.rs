//! What of the writes that are applied here other nodes get: queued at once, in the order of the locks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::member::Cluster;
use super::outgoing::Outgoing;
use crate::effect::{Publisher, QuestionTarget, Target, Write};
use crate::packet::Message;
use crate::peers::PeerRequest;

impl Publisher for Cluster {
    fn publish(&self, writes: &mut [Write]) {
        for write in writes {
            if let Some(outgoing) = self.outgoing_of(write) {
                self.send(outgoing);
            }
        }
    }
}

impl Cluster {
    /// What other nodes get of a write, if they get something.
    fn outgoing_of(&self, write: &mut Write) -> Option<Outgoing> {
        let others = self.health.others.load(Ordering::Relaxed).max(1);
        Some(match write {
            Write::Broadcast { target, message, .. } if !target.flags.local => {
                let Target { namespace, rooms, flags } = &**target;
                Outgoing::Broadcast {
                    namespace: namespace.clone(),
                    rooms: rooms.clone(),
                    volatile: flags.volatile,
                    message: take(message),
                }
            }
            Write::Question { target, message, asked, .. } => {
                let QuestionTarget::Rooms(Target { namespace, rooms, flags }) = &**target else { return None };
                if flags.local {
                    return None;
                }
                asked.question.await_peers(others);
                Outgoing::Question {
                    namespace: namespace.clone(),
                    rooms: rooms.clone(),
                    message: take(message),
                    question: Arc::downgrade(&asked.question),
                    timeout: asked.timeout,
                }
            }
            Write::JoinAll { target, rooms } if !target.flags.local => {
                Outgoing::Join { namespace: target.namespace.clone(), rooms: target.rooms.clone(), joined: rooms.clone() }
            }
            Write::LeaveAll { target, rooms } if !target.flags.local => {
                Outgoing::Leave { namespace: target.namespace.clone(), rooms: target.rooms.clone(), left: rooms.clone() }
            }
            Write::DisconnectAll { target, close } if !target.flags.local => {
                Outgoing::Disconnect { namespace: target.namespace.clone(), rooms: target.rooms.clone(), close: *close }
            }
            Write::ServerEvent { namespace, message } => {
                Outgoing::ServerEvent { namespace: namespace.clone(), message: take(message) }
            }
            Write::AskPeers { namespace, request, question } => {
                question.set_asked(others);
                let request = std::mem::replace(request, Box::new(PeerRequest::Rooms));
                Outgoing::Request { namespace: namespace.clone(), request, question: Arc::downgrade(question) }
            }
            _ => return None,
        })
    }
}

/// The message without its payload's copy: what clients get is encoded already. The name stays, for those who count.
fn take(message: &mut Message) -> Message {
    Message { name: message.name.clone(), payload: std::mem::take(&mut message.payload) }
}
