//! What an instance in `shared` mode keeps from one entry to the next.

use std::sync::Arc;

use foldhash::HashMap;

use super::known_sockets::KnownSockets;
use super::tickets::Tickets;
use crate::plugin::call::{Call, CallOutcome};
use crate::plugin::open_call::OpenCall;

/// The state of an instance in `shared` mode.
pub(in crate::plugin) struct SharedState {
    /// Between entries; the entry has them while it runs.
    pub(in crate::plugin) tickets: Tickets,
    /// The calls that have begun and not ended, by their numbers.
    pub(in crate::plugin) open: HashMap<u64, BegunCall>,
    /// Those that this entry has ended.
    pub(in crate::plugin) ended: Vec<EndedCall>,
    pub(in crate::plugin) sockets: Arc<KnownSockets>,
}

/// A call that has begun.
pub(in crate::plugin) struct BegunCall {
    pub(in crate::plugin) id: u64,
    pub(in crate::plugin) call: Call,
    pub(in crate::plugin) home: Arc<OpenCall>,
}

/// A call that has ended, and how. The error is for the log: what the plugin said is no end.
pub(in crate::plugin) struct EndedCall {
    pub(in crate::plugin) begun: BegunCall,
    pub(in crate::plugin) outcome: Result<CallOutcome, String>,
}
