//! Which plugins serve which namespace: a table that is swapped whole, so that a dispatch that took it keeps the same table to its end.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::registration::{Hook, NamespaceRegistration};
use super::runner::Runner;

/// The plugins of this host, as they are now.
pub(crate) struct Registry {
    table: ArcSwap<Table>,
}

struct Table {
    chains: HashMap<Box<str>, Arc<Chain>>,
    /// In configured order.
    plugins: Vec<Arc<dyn Runner>>,
}

/// The plugins of one namespace in configured order.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) members: Vec<Member>,
}

/// One plugin's place in a chain.
pub(crate) struct Member {
    pub(crate) plugin: Arc<dyn Runner>,
    /// The index of the registration among those of the plugin.
    pub(crate) index: u32,
    pub(crate) registration: NamespaceRegistration,
}

impl Chain {
    /// The place of the plugin of this name.
    pub(crate) fn member(&self, plugin: &str) -> Option<&Member> {
        self.members.iter().find(|member| **member.plugin.name() == *plugin)
    }
}

impl Member {
    /// Whether the plugin registered this export here.
    pub(crate) fn has(&self, hook: Hook) -> bool {
        self.registration.hooks.contains(&hook)
    }

    /// Whether it has a handler for this event.
    pub(crate) fn handles(&self, event: &str) -> bool {
        self.registration.all_events || self.registration.events.contains(event)
    }
}

impl Registry {
    /// Builds the table out of the plugins in configured order. The main namespace always exists.
    pub(crate) fn new(plugins: &[(Arc<dyn Runner>, Vec<NamespaceRegistration>)]) -> Self {
        let mut chains: HashMap<Box<str>, Chain> = HashMap::from([("/".into(), Chain::default())]);
        for (plugin, namespaces) in plugins {
            for (index, registration) in (0..).zip(namespaces) {
                let member = Member { plugin: plugin.clone(), index, registration: registration.clone() };
                chains.entry(registration.name.clone()).or_default().members.push(member);
            }
        }
        let chains = chains.into_iter().map(|(name, chain)| (name, Arc::new(chain))).collect();
        let plugins = plugins.iter().map(|(plugin, _)| plugin.clone()).collect();
        Self { table: ArcSwap::from_pointee(Table { chains, plugins }) }
    }

    /// The chain of a namespace; none if no plugin registered it.
    pub(crate) fn chain(&self, namespace: &str) -> Option<Arc<Chain>> {
        self.table.load().chains.get(namespace).cloned()
    }

    /// The plugin of this name, as it is now.
    pub(crate) fn plugin(&self, name: &str) -> Option<Arc<dyn Runner>> {
        self.table.load().plugins.iter().find(|plugin| **plugin.name() == *name).cloned()
    }

    /// All plugins, in configured order.
    pub(crate) fn plugins(&self) -> Vec<Arc<dyn Runner>> {
        self.table.load().plugins.clone()
    }

    /// The names of all namespaces, sorted.
    pub(crate) fn namespaces(&self) -> Vec<Box<str>> {
        let mut names: Vec<_> = self.table.load().chains.keys().cloned().collect();
        names.sort_unstable();
        names
    }
}
