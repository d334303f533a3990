//! The limits of one connection.

use std::time::Duration;

use crate::steady_rate::SteadyRate;

/// How much one connection may have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// How long a connection may be on no namespace.
    pub(crate) connect_timeout: Duration,
    pub(crate) namespaces: usize,
    /// Namespaces that may be refused.
    pub(crate) refused: usize,
    /// Events in a second, if that is limited.
    pub(crate) events: Option<SteadyRate>,
    /// Attachments of one packet.
    pub(crate) attachments: usize,
    /// Waiting events above which reading pauses.
    pub(crate) high: Backlog,
    /// Waiting events above which the client is disconnected.
    pub(crate) most: Backlog,
}

/// Events of a client that have arrived and have not begun.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backlog {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Backlog {
    /// Whether either measure is above `bound`.
    pub(crate) fn exceeds(self, bound: Self) -> bool {
        self.events > bound.events || self.bytes > bound.bytes
    }
}
