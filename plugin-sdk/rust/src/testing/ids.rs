//! Numbers of what the host counts.

/// A socket, by the order in which the sockets connected. None is ever taken out of the list.
pub(super) type SocketIndex = usize;

/// A job.
pub(super) type JobId = u64;

/// A server of the cluster, by the order in which they joined it. The host itself is the first.
pub(super) type NodeIndex = usize;
