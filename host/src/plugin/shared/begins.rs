//! Whether calls begin in an instance: it is started, and it stops.

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Which calls of the mailbox begin.
pub(super) enum Begins {
    All,
    /// The instance is not started yet, or it has stopped.
    None,
    /// Those of sockets whose open calls wait for clients, which may depend on them; until no call is open, at the latest then.
    Last {
        until: Instant,
        stopped: oneshot::Sender<()>,
    },
}
