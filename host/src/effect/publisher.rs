//! The seam of the adapter: what is applied on this node is handed on, to be applied on others.

use super::write::Write;

/// Receives the writes that are applied to a namespace: the adapter of a cluster, or a log for connection state recovery.
pub(crate) trait Publisher: Send + Sync {
    /// `writes` are applied to the namespace next, in this order. The namespace is locked, so that its sets come in the order
    /// in which its members see them. For that reason the publisher only queues them: it does not wait, and locks no namespace.
    ///
    /// Writes to single clients come along if they stand in a set with others. A set of nothing else needs no lock and is not
    /// published: it concerns no other node.
    fn publish(&self, namespace: &str, writes: &[Write]);
}
