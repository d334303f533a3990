//! What is the same for all instances of one generation.

use std::sync::Arc;

use crate::config::PluginConfig;
use crate::plugin::call_limits::CallLimits;
use crate::plugin::capability::Capabilities;
use crate::plugin::durable::Plugin;
use crate::plugin::served::ServedNamespaces;
use crate::store::Store;

/// What a generation borrows from its plugin, and what its registration said.
pub(crate) struct GenerationContext {
    pub(crate) plugin: Arc<Plugin>,
    /// The component's path, the grants, the plugin's own configuration, and the limits of its pool.
    pub(crate) config: Arc<PluginConfig>,
    pub(crate) call_limits: CallLimits,
    /// `plugin@generation`, for the log.
    pub(crate) label: Arc<str>,
    /// What the registration requested and the operator granted.
    pub(crate) capabilities: Capabilities,
    /// None if the plugin did not request the store.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// The namespaces that the generation serves.
    pub(crate) namespaces: ServedNamespaces,
    /// Whether the generation has the export for timers.
    pub(crate) has_timer_hook: bool,
}
