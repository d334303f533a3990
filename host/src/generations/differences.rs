//! What a component would change if it took over: found out before it does.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::plugin::{NamespaceRegistration, Registration, Version};

/// What a component changes of what a plugin registered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Differences {
    /// Of the component, SHA-256 in hexadecimal digits.
    pub(crate) digest: String,
    /// Whether it is the component that serves.
    pub(crate) is_same: bool,
    /// What keeps it from taking over; none if it could.
    pub(crate) problem: Option<String>,
    /// One line for each thing that is registered from then on, or is not any more: `+ event "move" on /game`.
    pub(crate) changes: Vec<String>,
}

impl Differences {
    /// Of a component that did not even register.
    pub(super) fn refused(digest: &str, problem: String) -> Self {
        Self { digest: digest.to_owned(), problem: Some(problem), ..Self::default() }
    }

    /// Between what serves, if anything does, and another version.
    pub(super) fn between(serving: Option<&Version>, version: &Version, problem: Option<String>) -> Self {
        let (before, after) =
            (serving.map(|version| lines(version.registration())).unwrap_or_default(), lines(version.registration()));
        let gone = before.difference(&after).map(|line| format!("- {line}"));
        let came = after.difference(&before).map(|line| format!("+ {line}"));
        Self {
            digest: version.digest().to_owned(),
            is_same: serving.is_some_and(|serving| serving.digest() == version.digest()),
            problem,
            changes: gone.chain(came).collect(),
        }
    }
}

/// Everything that a plugin registered, a line for each.
fn lines(registration: &Registration) -> BTreeSet<String> {
    let mut lines = BTreeSet::from([format!("mode {}", registration.mode.name())]);
    let hooks = [("start", registration.start), ("timer", registration.timer), ("snapshot", registration.snapshot)];
    lines.extend(hooks.iter().filter(|(_, has)| *has).map(|(hook, _)| format!("hook {hook}")));
    lines.extend(registration.capabilities.entries().into_iter().map(|entry| format!("capability {entry}")));
    registration.namespaces.iter().for_each(|namespace| add(namespace, &mut lines));
    lines
}

fn add(namespace: &NamespaceRegistration, lines: &mut BTreeSet<String>) {
    let name = &*namespace.name;
    let kind = if namespace.pattern.is_some() { "pattern" } else { "namespace" };
    lines.insert(format!("{kind} {name}"));
    lines.extend(namespace.hooks.iter().map(|hook| format!("hook {} on {name}", hook.name())));
    lines.extend(namespace.event_labels().map(|event| format!("event {event:?} on {name}")));
    if namespace.other_events.is_some() {
        lines.insert(format!("all other events on {name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{NamespaceRegistration, Registration, lines};
    use crate::plugin::{Hook, Mode, Subscription};

    #[test]
    fn everything_that_is_registered_has_its_line() {
        let events = [("move".to_owned(), Subscription::default())].into_iter().collect();
        let namespace =
            NamespaceRegistration { name: "/game".into(), hooks: vec![Hook::Connection], events, ..Default::default() };
        let registration = Registration {
            mode: Mode::Shared,
            namespaces: vec![namespace],
            start: true,
            timer: false,
            snapshot: true,
            resumes_eagerly: false,
            keeps_rollback_state: false,
            capabilities: Default::default(),
            sdk: "test".to_owned(),
            unknown: Vec::new(),
        };
        let expected = [
            "event \"move\" on /game",
            "hook connection on /game",
            "hook snapshot",
            "hook start",
            "mode shared",
            "namespace /game",
        ];
        assert_eq!(lines(&registration).into_iter().collect::<Vec<_>>(), expected);
    }
}
