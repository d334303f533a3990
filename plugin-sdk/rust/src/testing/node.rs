//! A further server of the host's cluster.

use super::connecting::Connecting;
use super::ids::NodeIndex;
use super::node_state::NodeStatus;
use super::scheduler::Scheduler;
use std::fmt;
use std::sync::Arc;

/// A server with the plugins of the host, in one cluster with it: [`Host::node`](super::Host::node).
pub struct Node {
    scheduler: Arc<Scheduler>,
    index: NodeIndex,
}

impl Node {
    pub(super) fn new(scheduler: Arc<Scheduler>, index: NodeIndex) -> Self {
        Self { scheduler, index }
    }

    /// A client, to be connected to a namespace of this node.
    ///
    /// # Panics
    /// If the node has shut down.
    #[track_caller]
    pub fn socket(&self, namespace: &str) -> Connecting {
        let is_gone = self.scheduler.state().nodes[self.index].status == NodeStatus::Gone;
        assert!(!is_gone, "the node has shut down, and no client reaches it");
        Connecting::new(self.scheduler.clone(), self.index, namespace)
    }

    /// From now on the node hears nothing of the others and answers nothing, as if it hung: what is asked of all nodes waits as long as the
    /// question may, and then has one answer less.
    pub fn silence(&self) {
        self.scheduler.state().nodes[self.index].status = NodeStatus::Silent;
    }

    /// The node ends: its sockets are disconnected with `server shutting down`, and nobody waits for its answers.
    pub fn shut_down(&self) {
        self.scheduler.shut_down(self.index);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Node({})", self.scheduler.state().nodes[self.index].name)
    }
}
