//! Which plugins serve which namespace: a table that is swapped whole, so that a dispatch that took it keeps the same table to its end.

use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::{HashMap, HashMapExt as _};

use super::registration::{Hook, NamespaceRegistration, Subscription};
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

    /// How the plugin handles this event here, if it does.
    pub(crate) fn subscription(&self, event: &str) -> Option<&Subscription> {
        self.registration.subscription(event)
    }
}

impl Registry {
    pub(crate) fn new(plugins: &[(Arc<dyn Runner>, Vec<NamespaceRegistration>)]) -> Self {
        Self { table: ArcSwap::from_pointee(Table::new(plugins)) }
    }

    /// From now on these plugins serve.
    pub(crate) fn replace(&self, plugins: &[(Arc<dyn Runner>, Vec<NamespaceRegistration>)]) {
        self.table.store(Arc::new(Table::new(plugins)));
    }
}

impl Table {
    /// Builds the table out of the plugins in configured order. The main namespace always exists.
    fn new(plugins: &[(Arc<dyn Runner>, Vec<NamespaceRegistration>)]) -> Self {
        let mut chains: HashMap<Box<str>, Chain> = HashMap::new();
        chains.insert("/".into(), Chain::default());
        for (plugin, namespaces) in plugins {
            for (index, registration) in (0..).zip(namespaces) {
                let member = Member { plugin: plugin.clone(), index, registration: registration.clone() };
                chains.entry(registration.name.clone()).or_default().members.push(member);
            }
        }
        let chains = chains.into_iter().map(|(name, chain)| (name, Arc::new(chain))).collect();
        let plugins = plugins.iter().map(|(plugin, _)| plugin.clone()).collect();
        Self { chains, plugins }
    }
}

impl Registry {
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

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{NamespaceRegistration, Registry, Runner};
    use crate::plugin::call::{Call, CallOutcome};

    /// A plugin that is never called.
    struct Named(Arc<str>);

    impl Runner for Named {
        fn name(&self) -> &Arc<str> {
            &self.0
        }

        fn call(self: Arc<Self>, _call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>> {
            Box::pin(std::future::ready(CallOutcome::Done))
        }

        fn call_limit(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn plugin(name: &str, namespaces: &[&str]) -> (Arc<dyn Runner>, Vec<NamespaceRegistration>) {
        let registration = |name: &&str| NamespaceRegistration { name: (*name).into(), ..Default::default() };
        (Arc::new(Named(name.into())), namespaces.iter().map(registration).collect())
    }

    #[test]
    fn a_member_has_the_index_of_its_own_registration() {
        let registry = Registry::new(&[plugin("a", &["/", "/chat"]), plugin("b", &["/chat"])]);
        let indices: Vec<_> = registry.chain("/chat").unwrap().members.iter().map(|member| member.index).collect();
        assert_eq!(indices, [1, 0]);
    }
}
