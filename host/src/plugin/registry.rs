//! Which plugins serve which namespace: a table that is swapped whole, so that a dispatch that took it keeps the same table to its end.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::error::{PluginError, namespaces_line};
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

    /// Whether the plugin has a handler for this event here.
    pub(crate) fn handles(&self, event: &str) -> bool {
        self.registration.subscription(event).is_some()
    }

    /// Whether the socket's next event may start while the handler of this one waits.
    pub(crate) fn is_overtakable(&self, event: &str) -> bool {
        self.registration.subscription(event).is_some_and(|subscription| subscription.overtakable)
    }
}

impl Registry {
    /// Builds the table out of the plugins in configured order. The main namespace always exists. Fails if plugins share a namespace that
    /// the operator does not list for each of them, whatever their order.
    pub(crate) fn new(plugins: &[(Arc<dyn Runner>, Vec<NamespaceRegistration>)]) -> Result<Self, PluginError> {
        let mut chains: HashMap<Box<str>, Chain> = HashMap::from([("/".into(), Chain::default())]);
        for (plugin, namespaces) in plugins {
            for (index, registration) in (0..).zip(namespaces) {
                let member = Member { plugin: plugin.clone(), index, registration: registration.clone() };
                chains.entry(registration.name.clone()).or_default().members.push(member);
            }
        }
        let mut sorted: Vec<_> = chains.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        for (name, chain) in sorted {
            check_sharing(name, chain, plugins)?;
        }
        let chains = chains.into_iter().map(|(name, chain)| (name, Arc::new(chain))).collect();
        let plugins = plugins.iter().map(|(plugin, _)| plugin.clone()).collect();
        Ok(Self { table: ArcSwap::from_pointee(Table { chains, plugins }) })
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

/// Refuses every plugin that shares this namespace and does not have it listed. One that has it listed is never the one refused.
fn check_sharing(
    name: &str,
    chain: &Chain,
    plugins: &[(Arc<dyn Runner>, Vec<NamespaceRegistration>)],
) -> Result<(), PluginError> {
    let unlisted: Vec<_> = chain.members.iter().filter(|member| !member.registration.is_listed).collect();
    let Some(first) = unlisted.first().map(|member| member.plugin.name()) else { return Ok(()) };
    let Some(other) = chain.members.iter().map(|member| member.plugin.name()).find(|other| *other != first) else {
        return Ok(());
    };
    let line = |member: &&Member| {
        let plugin = member.plugin.name();
        let registered = plugins.iter().find(|(runner, _)| runner.name() == plugin).map(|(_, namespaces)| namespaces);
        let names = registered.into_iter().flatten().map(|registration| &*registration.name);
        format!("{} in [plugins.{plugin}]", namespaces_line(names))
    };
    Err(PluginError::Shared {
        plugin: first.to_string(),
        other: other.to_string(),
        namespace: name.to_owned(),
        lines: unlisted.iter().map(line).collect(),
    })
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

    fn plugin(name: &str, namespaces: &[&str], is_listed: bool) -> (Arc<dyn Runner>, Vec<NamespaceRegistration>) {
        let registration = |name: &&str| NamespaceRegistration { name: (*name).into(), is_listed, ..Default::default() };
        (Arc::new(Named(name.into())), namespaces.iter().map(registration).collect())
    }

    #[test]
    fn plugins_share_a_namespace_only_if_it_is_listed_for_each_of_them() {
        let refused = |plugins: &[_]| Registry::new(plugins).err().map(|error| error.to_string());
        let (a, b) = (|is_listed| plugin("a", &["/", "/chat"], is_listed), |is_listed| plugin("b", &["/chat"], is_listed));
        assert_eq!(
            refused(&[a(false), b(false)]).as_deref(),
            Some(
                "plugin \"a\": registers the namespace \"/chat\", and so does \"b\"; plugins share a namespace only if each of them lists it; \
                 write namespaces = [\"/\", \"/chat\"] in [plugins.a], and namespaces = [\"/chat\"] in [plugins.b]"
            )
        );
        for plugins in [[a(true), b(false)], [b(false), a(true)]] {
            let refused = refused(&plugins).unwrap();
            assert!(refused.starts_with("plugin \"b\"") && !refused.contains("[plugins.a]"), "{refused}");
        }
        assert_eq!(refused(&[a(true), b(true)]), None);
        assert_eq!(refused(&[a(false), plugin("c", &["/other"], false)]), None);
        let registry = Registry::new(&[a(true), b(true)]).unwrap();
        let indices: Vec<_> = registry.chain("/chat").unwrap().members.iter().map(|member| member.index).collect();
        assert_eq!(indices, [1, 0]);
    }
}
