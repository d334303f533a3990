//! What is the same for all instances of one generation.

use std::collections::HashSet;
use std::sync::Arc;

use crate::plugin::capability::Capabilities;
use crate::plugin::durable::Plugin;
use crate::store::Store;

/// What a generation borrows from its plugin, and what its registration said.
pub(crate) struct GenerationContext {
    pub(crate) plugin: Arc<Plugin>,
    /// `plugin@generation`, for the log.
    pub(crate) label: Arc<str>,
    /// What the registration requested and the operator granted.
    pub(crate) capabilities: Capabilities,
    /// None if the plugin did not request the store.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// The namespaces that the generation serves.
    pub(crate) namespaces: HashSet<Box<str>>,
    /// Whether the generation has the export for timers.
    pub(crate) has_timer_hook: bool,
}

impl GenerationContext {
    /// The context of a trial instance, which may do nothing but register.
    pub(crate) fn trial(plugin: Arc<Plugin>, label: Arc<str>) -> Self {
        let (capabilities, namespaces) = (Capabilities::default(), HashSet::new());
        Self { plugin, label, capabilities, store: None, namespaces, has_timer_hook: false }
    }
}
