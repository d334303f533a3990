//! Which plugins serve which namespace: a table that is swapped whole, so that whoever took it keeps what it took.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Runner;
use super::registration::{Hook, NamespaceRegistration};

/// The plugins of this host, as they are now.
pub(crate) struct Registry {
    table: ArcSwap<Table>,
}

type Table = HashMap<Box<str>, Arc<Chain>>;

/// The plugins of one namespace in configured order.
#[derive(Default)]
pub(crate) struct Chain {
    pub(crate) members: Vec<Member>,
}

/// One plugin's place in a chain.
pub(crate) struct Member {
    pub(crate) plugin: Arc<dyn Runner>,
    pub(crate) registration: NamespaceRegistration,
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
        let mut table: HashMap<Box<str>, Chain> = HashMap::from([("/".into(), Chain::default())]);
        for (plugin, namespaces) in plugins {
            for registration in namespaces {
                let member = Member { plugin: plugin.clone(), registration: registration.clone() };
                table.entry(registration.name.clone()).or_default().members.push(member);
            }
        }
        let table = table.into_iter().map(|(name, chain)| (name, Arc::new(chain))).collect();
        Self { table: ArcSwap::from_pointee(table) }
    }

    /// The chain of a namespace; none if no plugin registered it.
    pub(crate) fn chain(&self, namespace: &str) -> Option<Arc<Chain>> {
        self.table.load().get(namespace).cloned()
    }

    /// All namespaces, for whoever lists them.
    pub(crate) fn namespaces(&self) -> Vec<Box<str>> {
        let mut names: Vec<_> = self.table.load().keys().cloned().collect();
        names.sort_unstable();
        names
    }
}
