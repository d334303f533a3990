//! Which plugins may serve a namespace together: those whose tables list it.

use std::collections::{BTreeMap, HashSet};

use super::error::{LoadProblem, PluginError, namespaces_line};
use super::registration::NamespaceRegistration;

/// A plugin's name, and what it registered.
pub(super) type Registered<'r> = (&'r str, Vec<&'r NamespaceRegistration>);

/// A registration of a plugin that may serve a namespace.
type Claim<'p, 'r> = (&'p Registered<'r>, &'r NamespaceRegistration);

/// A problem for each plugin that shares a namespace which is not listed for it. The first such namespace is named, since the remedy
/// names all that the plugin registers. A plugin that has a namespace listed is never the one refused for it.
pub(super) fn problems(plugins: &[Registered<'_>]) -> Vec<PluginError> {
    let mut refused = HashSet::new();
    let first = claims(plugins).into_iter().filter_map(|claims| problem(&claims, &mut refused));
    first.collect()
}

/// What plugins may serve together: each fixed namespace, in the order of their names, and what patterns may match.
fn claims<'p, 'r>(plugins: &'p [Registered<'r>]) -> Vec<Vec<Claim<'p, 'r>>> {
    let all = || plugins.iter().flat_map(|plugin| plugin.1.iter().map(move |registration| (plugin, *registration)));
    let mut fixed: BTreeMap<&str, Vec<Claim<'_, '_>>> = BTreeMap::new();
    for claim in all().filter(|(_, registration)| registration.pattern.is_none()) {
        fixed.entry(&claim.1.name).or_default().push(claim);
    }
    // Whether two patterns have a name in common cannot be said in a sentence, so any two may.
    let patterns: Vec<_> = all().filter(|(_, registration)| registration.pattern.is_some()).collect();
    for (name, claims) in &mut fixed {
        let matches = |(_, registration): &&Claim<'_, '_>| registration.pattern.as_ref().is_some_and(|it| it.matches(name));
        claims.extend(patterns.iter().filter(matches));
    }
    fixed.into_values().chain([patterns]).collect()
}

fn problem<'r>(claims: &[Claim<'_, 'r>], refused: &mut HashSet<&'r str>) -> Option<PluginError> {
    let unlisted = || claims.iter().filter(|(_, registration)| !registration.is_listed);
    let ((plugin, _), registered) = unlisted().next()?;
    let ((other, _), others) = claims.iter().find(|((other, _), _)| other != plugin)?;
    if !refused.insert(plugin) {
        return None;
    }
    let line = |((plugin, namespaces), _): &Claim<'_, '_>| {
        let names = namespaces.iter().map(|registration| &*registration.name);
        format!("{} in [plugins.{plugin}]", namespaces_line(names))
    };
    let mut lines: Vec<String> = Vec::new();
    for line in unlisted().map(line) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let what = |registration: &NamespaceRegistration| match registration.pattern {
        Some(_) => format!("the pattern {:?}", registration.name),
        None => format!("the namespace {:?}", registration.name),
    };
    let meets = match what(registered) == what(others) {
        true => format!("so does {other:?}"),
        false => format!("{other:?} registers {}, which may be the same", what(others)),
    };
    let problem = LoadProblem::Shared { registered: what(registered), meets, lines };
    Some(PluginError { plugin: (*plugin).to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::{NamespaceRegistration, problems};
    use crate::plugin::pattern::Pattern;

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

    #[test]
    fn a_pattern_shares_what_it_matches_and_may_share_with_every_other_pattern() {
        let pattern = |text: &str, is_listed| {
            let pattern = Some(Pattern::new(text).unwrap());
            vec![NamespaceRegistration { name: text.into(), pattern, is_listed, ..Default::default() }]
        };
        let refused = |plugins: &[(&str, Vec<NamespaceRegistration>)]| {
            let plugins: Vec<_> = plugins.iter().map(|(name, registered)| (*name, registered.iter().collect())).collect();
            problems(&plugins).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let all = |is_listed| ("all", pattern("/.*", is_listed));
        let rooms = |is_listed| ("rooms", pattern("/room-.*", is_listed));
        let chat = |is_listed| ("chat", namespaces(&["/chat"], is_listed));
        assert_eq!(
            refused(&[all(false), chat(false)]),
            [
                "plugin \"chat\": registers the namespace \"/chat\", and \"all\" registers the pattern \"/.*\", which may be the same; plugins \
                 share a namespace only if each of them lists it; write namespaces = [\"/chat\"] in [plugins.chat], and namespaces = \
                 [\"/.*\"] in [plugins.all]"
            ]
        );
        let refused_pattern = refused(&[all(false), chat(true)]);
        assert!(refused_pattern.len() == 1 && refused_pattern[0].starts_with("plugin \"all\": registers the pattern \"/.*\""));
        assert!(refused(&[all(true), rooms(false)])[0].starts_with("plugin \"rooms\""));
        assert!(refused(&[all(true), rooms(true), chat(true)]).is_empty());
        assert!(refused(&[rooms(false), chat(false)]).is_empty(), "the one does not match the other");
        let mut two = pattern("/a.*", false);
        two.extend(pattern("/.*", false));
        assert!(refused(&[("two", two)]).is_empty(), "a plugin shares nothing with itself");
    }
}
