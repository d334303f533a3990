//! Which plugins serve which namespace: a table that is swapped whole, so that a dispatch that took a chain keeps it to its end.
//!
//! A namespace that is in no registration any more is *closing* for a while: nobody connects to it, and its chain is kept, so that its
//! sockets are disconnected by the plugins that had served them.

#[cfg(test)]
use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::{HashMap, HashMapExt as _};

use super::chain::{Chain, Member};
use super::closing::Closing;
use super::patterns::Patterns;
use super::registration::NamespaceRegistration;
use super::runner::Runner;
use crate::adapter::Namespace;

/// The main namespace, which always exists.
const MAIN: &str = "/";

/// A plugin and what it registered.
type Registered = (Arc<dyn Runner>, Vec<NamespaceRegistration>);

/// The plugins of this host, as they are now.
pub(crate) struct Registry {
    table: ArcSwap<Table>,
}

/// What a new table changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    /// For [`Registry::forget_closed`].
    pub(crate) table: u32,
    /// Fixed namespaces that were not registered before, sorted.
    pub(crate) came: Vec<Box<str>>,
    /// Fixed namespaces that are not registered any more, sorted. Where a pattern matches one, it goes on as one of those.
    pub(crate) gone: Vec<Box<str>>,
}

struct Table {
    /// Counts the tables.
    number: u32,
    /// In configured order.
    plugins: Vec<Arc<dyn Runner>>,
    /// The places of the fixed namespaces' chains.
    fixed: HashMap<Box<str>, usize>,
    chains: Vec<Arc<Chain>>,
    patterns: Patterns,
    /// The last first.
    closing: Vec<Closing>,
}

impl Registry {
    /// A registry of plugins in configured order. The main namespace always exists.
    pub(crate) fn new(plugins: &[Registered]) -> Self {
        let registry = Self { table: ArcSwap::from_pointee(Table::new(0, &[])) };
        registry.replace(plugins);
        registry
    }

    /// From now on these plugins serve, in this order: chains that begin see all of the change or nothing of it. Only one task may
    /// call it.
    pub(crate) fn replace(&self, plugins: &[Registered]) -> Replaced {
        let before = self.table.load_full();
        let mut table = Table::new(before.number.wrapping_add(1), plugins);
        let missing = |one: &Table, other: &Table| {
            let mut names: Vec<_> = one.fixed.keys().filter(|name| !other.fixed.contains_key(*name)).cloned().collect();
            names.sort_unstable();
            names
        };
        let replaced = Replaced { table: table.number, came: missing(&table, &before), gone: missing(&before, &table) };
        table.closing = before.closing_in(&table, &replaced);
        self.table.store(Arc::new(table));
        replaced
    }

    /// Forgets the chains of the namespaces that this change closed: the sockets that they had are gone. Only the task that replaces
    /// may call it.
    pub(crate) fn forget_closed(&self, table: u32) {
        let before = self.table.load_full();
        let closing = before.closing.iter().filter(|closing| closing.since() != table).cloned().collect();
        self.table.store(Arc::new(Table { closing, ..before.copy() }));
    }

    /// The chain of a namespace; the one that it had, if it is closing. None if no plugin registered it.
    pub(crate) fn chain(&self, namespace: &Namespace) -> Option<Arc<Chain>> {
        let table = self.table.load();
        table.serving(namespace).or_else(|| table.closing.iter().find_map(|closing| closing.chain(namespace.name())))
    }

    /// The chain of a namespace, unless it is closing. None if no plugin registered it.
    pub(crate) fn serving(&self, namespace: &Namespace) -> Option<Arc<Chain>> {
        self.table.load().serving(namespace)
    }

    /// Whether a client may connect to a namespace of this name.
    pub(crate) fn serves(&self, name: &str) -> bool {
        let table = self.table.load();
        table.fixed.contains_key(name) || table.patterns.has(name)
    }

    /// The plugin of this name, as it is now.
    pub(crate) fn plugin(&self, name: &str) -> Option<Arc<dyn Runner>> {
        self.table.load().plugins.iter().find(|plugin| **plugin.name() == *name).cloned()
    }

    /// All plugins, in configured order.
    pub(crate) fn plugins(&self) -> Vec<Arc<dyn Runner>> {
        self.table.load().plugins.clone()
    }

    /// The plugins and what they registered, as [`Registry::replace`] takes it.
    #[cfg(test)]
    pub(crate) fn registered(&self) -> Vec<Registered> {
        let table = self.table.load();
        let members = || table.chains.iter().flat_map(|chain| &chain.members).chain(table.patterns.members());
        let registered = |plugin: &Arc<dyn Runner>| {
            let own = members().filter(|member| Arc::ptr_eq(member.plugin.name(), plugin.name()));
            let by_index = own.map(|member| (member.index, (*member.registration).clone())).collect::<BTreeMap<_, _>>();
            (plugin.clone(), by_index.into_values().collect())
        };
        table.plugins.iter().map(registered).collect()
    }

    /// The names of all fixed namespaces, sorted.
    pub(crate) fn namespaces(&self) -> Vec<Box<str>> {
        let mut names: Vec<_> = self.table.load().fixed.keys().cloned().collect();
        names.sort_unstable();
        names
    }
}

impl Table {
    fn new(number: u32, plugins: &[Registered]) -> Self {
        let registered: Vec<_> = plugins.iter().map(|(plugin, registrations)| Plugin::new(plugin, registrations)).collect();
        let mut table = Self {
            number,
            plugins: plugins.iter().map(|(plugin, _)| plugin.clone()).collect(),
            fixed: HashMap::new(),
            chains: Vec::new(),
            patterns: Patterns::new(registered.iter().map(|plugin| plugin.patterns.as_slice())),
            closing: Vec::new(),
        };
        let names = registered.iter().flat_map(|plugin| plugin.fixed.keys().copied());
        for name in [MAIN].into_iter().chain(names) {
            if !table.fixed.contains_key(name) {
                let members = registered.iter().filter_map(|plugin| plugin.member(name)).collect();
                table.fixed.insert(name.into(), table.chains.len());
                table.chains.push(Arc::new(Chain { table: number, members }));
            }
        }
        table
    }

    /// The same table.
    fn copy(&self) -> Self {
        Self {
            number: self.number,
            plugins: self.plugins.clone(),
            fixed: self.fixed.clone(),
            chains: self.chains.clone(),
            patterns: self.patterns.clone(),
            closing: self.closing.clone(),
        }
    }

    /// The chain of a namespace that is registered. Where it was found is kept in the namespace, until there is another table.
    fn serving(&self, namespace: &Namespace) -> Option<Arc<Chain>> {
        let name = namespace.name();
        match namespace.chain_number().get(self.number) {
            Some(number) if number < self.chains.len() => return self.chains.get(number).cloned(),
            Some(number) => return self.patterns.chain(number - self.chains.len()),
            None => {}
        }
        let (number, chain) = match self.fixed.get(name) {
            Some(number) => (Some(*number), self.chains.get(*number).cloned()?),
            None => {
                let (number, chain) = self.patterns.find(name, self.number)?;
                (number.map(|number| self.chains.len() + number), chain)
            }
        };
        if let Some(number) = number {
            namespace.chain_number().set(self.number, number);
        }
        Some(chain)
    }

    /// What is closing once `next` is there: what it does not serve of this table, and of what was closing before.
    fn closing_in(&self, next: &Self, replaced: &Replaced) -> Vec<Closing> {
        let fixed = replaced.gone.iter().filter_map(|name| {
            let chain = self.chains.get(*self.fixed.get(name)?)?;
            Some(Closing::namespace(next.number, name.clone(), chain.clone()))
        });
        let patterns = Closing::patterns(next.number, self.number, &self.patterns);
        let all = fixed.chain([patterns]).chain(self.closing.iter().cloned());
        all.filter_map(|closing| closing.without(&|name| next.fixed.contains_key(name), &next.patterns)).collect()
    }
}

/// A plugin while its places in the chains are looked for.
struct Plugin<'a> {
    /// By name.
    fixed: HashMap<&'a str, Member>,
    patterns: Vec<Member>,
}

impl<'a> Plugin<'a> {
    fn new(plugin: &Arc<dyn Runner>, registrations: &'a [NamespaceRegistration]) -> Self {
        let (mut fixed, mut patterns) = (HashMap::new(), Vec::new());
        for (index, registration) in (0..).zip(registrations) {
            let member = Member { plugin: plugin.clone(), index, registration: Arc::new(registration.clone()) };
            if registration.pattern.is_some() {
                patterns.push(member);
            } else {
                fixed.insert(&*registration.name, member);
            }
        }
        Self { fixed, patterns }
    }

    /// Its place in the chain of a namespace: by the name if it registered that, else by the first pattern that matches.
    fn member(&self, name: &str) -> Option<Member> {
        self.fixed.get(name).or_else(|| self.patterns.iter().find(|member| member.matches(name))).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{NamespaceRegistration, Registered, Registry, Runner};
    use crate::adapter::{Adapter, Namespace};
    use crate::plugin::call::{Call, CallOutcome};
    use crate::plugin::pattern::Pattern;

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

    /// Names with a star are patterns.
    fn plugin(name: &str, namespaces: &[&str]) -> Registered {
        let registration = |name: &&str| {
            let pattern = name.contains('*').then(|| Pattern::new(name).unwrap());
            NamespaceRegistration { name: (*name).into(), pattern, ..Default::default() }
        };
        (Arc::new(Named(name.into())), namespaces.iter().map(registration).collect())
    }

    fn namespace(name: &str) -> Arc<Namespace> {
        Adapter::default().namespace(name)
    }

    /// `plugin index` of each member.
    fn chain(registry: &Registry, namespace: &Namespace) -> Option<Vec<String>> {
        let members = |chain: Arc<super::Chain>| -> Vec<_> {
            chain.members.iter().map(|member| format!("{} {}", member.plugin.name(), member.index)).collect()
        };
        registry.chain(namespace).map(members)
    }

    #[test]
    fn a_chain_has_every_plugin_whose_registration_matches_once_and_in_order() {
        let registry = Registry::new(&[
            plugin("a", &["/", "/chat", "/ch.*", "/c.*"]),
            plugin("b", &["/chat"]),
            plugin("c", &["/x.*", "/c.*", "/.*"]),
        ]);
        for (name, members) in [
            ("/", &["a 0", "c 2"][..]),
            ("/chat", &["a 1", "b 0", "c 1"]),
            ("/chess", &["a 2", "c 1"]),
            ("/cards", &["a 3", "c 1"]),
            ("/xyz", &["c 0"]),
        ] {
            let namespace = namespace(name);
            for _ in 0..2 {
                assert_eq!(chain(&registry, &namespace).unwrap(), members, "{name}");
            }
            assert!(registry.serves(name));
        }
        let chess = registry.chain(&namespace("/chess")).unwrap();
        assert!(Arc::ptr_eq(&chess, &registry.chain(&namespace("/checkers")).unwrap()), "one chain for all that match alike");
    }

    #[test]
    fn the_main_namespace_always_exists_and_others_if_they_are_registered() {
        let registry = Registry::new(&[plugin("a", &["/room-[0-9]*"])]);
        assert_eq!(chain(&registry, &namespace("/")).unwrap(), [""; 0]);
        for (name, is_served) in [("/", true), ("/room-1", true), ("/room-x", false), ("/room", false)] {
            assert_eq!((registry.serves(name), registry.serving(&namespace(name)).is_some()), (is_served, is_served), "{name}");
        }
        assert_eq!(registry.namespaces(), [Box::from("/")]);
    }

    #[test]
    fn a_namespace_that_is_removed_closes_with_the_chain_that_it_had() {
        let registry = Registry::new(&[plugin("old", &["/chat", "/game", "/room.*", "/hall.*"])]);
        let [chat, game, room, hall] = ["/chat", "/game", "/room-1", "/hall-1"].map(namespace);
        assert!([&chat, &game, &room, &hall].iter().all(|namespace| registry.serving(namespace).is_some()));
        let replaced = registry.replace(&[plugin("new", &["/news", "/game", "/hall.*"])]);
        assert_eq!((&replaced.came[..], &replaced.gone[..]), (&["/news".into()][..], &["/chat".into()][..]));
        for (namespace, index) in [(&chat, 0), (&room, 2)] {
            assert!(registry.serving(namespace).is_none() && !registry.serves(namespace.name()));
            assert_eq!(chain(&registry, namespace).unwrap(), [format!("old {index}")]);
        }
        assert_eq!(chain(&registry, &game).unwrap(), ["new 1"]);
        assert_eq!(chain(&registry, &hall).unwrap(), ["new 2"]);

        // It is registered again, by a pattern too, and is removed again.
        registry.replace(&[plugin("third", &["/cha.*"])]);
        assert_eq!(chain(&registry, &chat).unwrap(), ["third 0"]);
        assert_eq!(chain(&registry, &room).unwrap(), ["old 2"], "it is still closing");
        let last = registry.replace(&[]);
        assert_eq!(chain(&registry, &chat).unwrap(), ["third 0"]);
        registry.forget_closed(replaced.table);
        assert!(registry.chain(&room).is_none());
        assert_eq!(chain(&registry, &chat).unwrap(), ["third 0"]);
        registry.forget_closed(last.table);
        assert!(registry.chain(&chat).is_none());
    }
}
