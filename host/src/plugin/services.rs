//! The parts of the host that plugins reach through their imports.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::compiler::Compiler;
use crate::adapter::Adapter;
use crate::auth::Keys;
use crate::node::NodeName;
use crate::rate_limit::SharedLimits;
use crate::store::LazyStore;

/// What `app` gives to every plugin.
pub(crate) struct HostServices {
    pub(crate) adapter: Arc<Adapter>,
    pub(crate) store: LazyStore,
    /// Another set takes over when the configuration is read again.
    pub(crate) keys: ArcSwap<Keys>,
    pub(crate) compiler: Arc<Compiler>,
    /// This node.
    pub(crate) node: NodeName,
    /// How long the answers of other nodes are awaited; none where there are no other nodes.
    pub(crate) requests_timeout: Option<Duration>,
    /// The limits of rate that all nodes count together, if there are other nodes.
    pub(crate) shared_limits: Option<Arc<SharedLimits>>,
}
