//! The seam of the adapter: what is applied on this node is handed on, to be applied on others.

use super::write::Write;

/// Receives the writes that are applied to namespaces: the adapter of a cluster, or a log for connection state recovery.
pub(crate) trait Publisher: Send + Sync {
    /// `writes` are applied next, in this order. All namespaces that they concern are locked, so that sets come in the order in
    /// which members see them. For that reason the publisher only queues them: it does not wait, and locks no namespace. It may take
    /// their payloads: what clients get is encoded already.
    ///
    /// Writes to single clients come along if they stand in a set with others. A set of nothing else needs no lock and is not
    /// published: it concerns no other node.
    fn publish(&self, writes: &mut [Write]);
}
