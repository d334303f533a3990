//! What a node is, for the others, and what they send it.

use super::server_question::ServerReply;
use crate::bindings::innkeeper::plugin::types::Target;
use crate::payload::Payload;
use innkeeper_contract::flags::LOCAL;
use std::collections::VecDeque;

/// The name of the host itself.
pub(super) const OWN: &str = "test";

/// One node.
pub(super) struct NodeState {
    pub(super) name: String,
    pub(super) status: NodeStatus,
}

/// The status of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeStatus {
    /// It hears the others, and they hear it.
    Connected,
    /// It gets nothing from the others any more, and answers nothing.
    Silent,
    /// It has left the cluster.
    Gone,
}

/// An event of another node, for one plugin.
#[derive(Clone)]
pub(super) struct IncomingServerEvent {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) payload: Payload,
    /// If it is to be answered.
    pub(super) reply: Option<ServerReply>,
}

/// The events that wait for a plugin.
pub(super) type ServerEvents = VecDeque<IncomingServerEvent>;

impl NodeState {
    /// The host itself.
    pub(super) fn own() -> Self {
        Self::named(OWN)
    }

    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), status: NodeStatus::Connected }
    }
}

/// Whether a target names sockets of the node that asks, and of no other.
pub(super) fn is_local(target: &Target) -> bool {
    target.flags.iter().any(|flag| flag == LOCAL)
}
