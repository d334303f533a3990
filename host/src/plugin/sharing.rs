//! Which plugins may serve a namespace together: those whose tables list it.

use std::collections::{BTreeMap, HashSet};

use super::error::{LoadProblem, PluginError, namespaces_line};
use super::registration::NamespaceRegistration;

/// A plugin's name, and what it registered.
pub(super) type Registered<'r> = (&'r str, Vec<&'r NamespaceRegistration>);

/// A problem for each plugin that shares a namespace which is not listed for it. The first such namespace is named, since the remedy
/// names all that the plugin registers. A plugin that has a namespace listed is never the one refused for it.
pub(super) fn problems(plugins: &[Registered<'_>]) -> Vec<PluginError> {
    let mut members: BTreeMap<&str, Vec<(&Registered<'_>, bool)>> = BTreeMap::new();
    for plugin in plugins {
        for namespace in &plugin.1 {
            members.entry(&namespace.name).or_default().push((plugin, namespace.is_listed));
        }
    }
    let mut refused = HashSet::new();
    let first = members.iter().filter_map(|(namespace, members)| problem(namespace, members, &mut refused));
    first.collect()
}

fn problem<'r>(namespace: &str, members: &[(&Registered<'r>, bool)], refused: &mut HashSet<&'r str>) -> Option<PluginError> {
    let unlisted = || members.iter().filter(|(_, is_listed)| !is_listed).map(|(plugin, _)| *plugin);
    let (first, _) = unlisted().next()?;
    let other = members.iter().map(|((name, _), _)| name).find(|other| *other != first)?;
    if !refused.insert(first) {
        return None;
    }
    let line = |(plugin, namespaces): &Registered<'_>| {
        let names = namespaces.iter().map(|registration| &*registration.name);
        format!("{} in [plugins.{plugin}]", namespaces_line(names))
    };
    let lines = unlisted().map(line).collect();
    let problem = LoadProblem::Shared { other: (*other).to_owned(), namespace: namespace.to_owned(), lines };
    Some(PluginError { plugin: (*first).to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::{NamespaceRegistration, problems};

    fn namespaces(names: &[&str], is_listed: bool) -> Vec<NamespaceRegistration> {
        let registration = |name: &&str| NamespaceRegistration { name: (*name).into(), is_listed, ..Default::default() };
        names.iter().map(registration).collect()
    }

    #[test]
    fn plugins_share_a_namespace_only_if_it_is_listed_for_each_of_them() {
        let refused = |plugins: &[(&str, Vec<NamespaceRegistration>)]| {
            let plugins: Vec<_> = plugins.iter().map(|(name, registered)| (*name, registered.iter().collect())).collect();
            problems(&plugins).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let a = |is_listed| ("a", namespaces(&["/", "/chat"], is_listed));
        let b = |is_listed| ("b", namespaces(&["/chat"], is_listed));
        assert_eq!(
            refused(&[a(false), b(false)]),
            [
                "plugin \"a\": registers the namespace \"/chat\", and so does \"b\"; plugins share a namespace only if each of them lists it; \
                 write namespaces = [\"/\", \"/chat\"] in [plugins.a], and namespaces = [\"/chat\"] in [plugins.b]"
            ]
        );
        for plugins in [[a(true), b(false)], [b(false), a(true)]] {
            let refused = refused(&plugins);
            assert!(
                refused.len() == 1 && refused[0].starts_with("plugin \"b\"") && !refused[0].contains("[plugins.a]"),
                "{refused:?}"
            );
        }
        assert_eq!(
            refused(&[a(false), ("c", namespaces(&["/", "/chat"], false))]).len(),
            1,
            "once, with all namespaces in the remedy"
        );
        assert!(refused(&[a(true), b(true)]).is_empty());
        assert!(refused(&[a(false), ("c", namespaces(&["/other"], false))]).is_empty());
    }
}
