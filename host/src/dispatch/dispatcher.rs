//! What all queues share.

use std::sync::Arc;

use crate::effect::Effects;
use crate::limit_hits::LimitHits;
use crate::plugin::Registry;

/// The plugins, and where the effects of their calls go.
pub(crate) struct Dispatcher {
    pub(crate) registry: Arc<Registry>,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) limits: DispatchLimits,
    pub(crate) limit_hits: Arc<LimitHits>,
}

/// How much one socket may have open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DispatchLimits {
    /// Calls of one socket that overlap, because all of them wait for clients.
    pub(crate) open_calls: usize,
    /// Acks that a client waits for; beyond it the oldest is forgotten.
    pub(crate) open_acks: usize,
}
