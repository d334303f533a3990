//! What a plugin registered, checked: the host calls nothing else.

use std::collections::HashSet;

use foldhash::HashMap;
use innkeeper_contract::{capabilities, events, hooks, modes, options};

use super::capability::{self, Capabilities, Capability};
use super::manifest::{Manifest, NamespaceManifest};
use super::pattern::Pattern;
use crate::fixed_limits::{PATTERNS_MAX, REGISTRATION_BYTES_MAX, REGISTRATION_NAMES_MAX};

/// The registration of a plugin, as its `register` returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) mode: Mode,
    pub(crate) namespaces: Vec<NamespaceRegistration>,
    /// Whether the export `start` is to be called.
    pub(crate) start: bool,
    /// Whether the plugin sets timers.
    pub(crate) timer: bool,
    /// Whether the plugin hands something to its next generation.
    pub(crate) snapshot: bool,
    /// Whether the sockets that are connected are resumed right after a swap, and not each before its next event.
    pub(crate) resumes_eagerly: bool,
    /// Whether a rollback takes the state of the generation that is rolled back over.
    pub(crate) keeps_rollback_state: bool,
    /// What the plugin requests.
    pub(crate) capabilities: Capabilities,
    /// What made the component, for the log.
    pub(crate) sdk: String,
    /// Options and notices that this host does not know, for the log. They are ignored, because newer hosts may know them.
    pub(crate) unknown: Vec<String>,
}

/// What an instance serves at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One call.
    Pooled,
    /// Many open calls.
    Shared,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pooled => modes::POOLED,
            Self::Shared => modes::SHARED,
        }
    }
}

/// What a plugin does on one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NamespaceRegistration {
    /// Of the namespace; or the text of the pattern.
    pub(crate) name: Box<str>,
    /// It is for all namespaces whose names match.
    pub(crate) pattern: Option<Pattern>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) events: HashMap<String, Subscription>,
    /// The handler of every event that `events` does not name.
    pub(crate) other_events: Option<Subscription>,
    /// The names of the server events that have a handler.
    pub(crate) server_events: Box<[String]>,
    /// Whether the socket's first event may start while `connection` waits.
    pub(crate) overtakable_connection: bool,
    /// Whether the operator's configuration lists the namespace for this plugin. Plugins share a namespace only then.
    pub(crate) is_listed: bool,
}

/// How an event is handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// Whether the socket's next event may start while this one's handler waits.
    pub(crate) overtakable: bool,
}

impl Subscription {
    /// Adds the options that this host does not know to `unknown`. `what` they are options of.
    fn new(options: &[String], what: &str, unknown: &mut Vec<String>) -> Self {
        let is_known = |option: &&String| *option == options::OVERTAKABLE;
        unknown.extend(options.iter().filter(|option| !is_known(option)).map(|option| format!("option {option} of {what}")));
        Self { overtakable: options.iter().any(|option| is_known(&option)) }
    }
}

/// An export that belongs to a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hook {
    ConnectMiddleware,
    Connection,
    EventMiddleware,
    Disconnecting,
    Disconnect,
}

impl Hook {
    const NAMES: [(&'static str, Self); 5] = [
        (hooks::CONNECT_MIDDLEWARE, Self::ConnectMiddleware),
        (hooks::CONNECTION, Self::Connection),
        (hooks::EVENT_MIDDLEWARE, Self::EventMiddleware),
        (hooks::DISCONNECTING, Self::Disconnecting),
        (hooks::DISCONNECT, Self::Disconnect),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, hook)| *hook == self).map_or("", |(name, _)| name)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, hook)| *hook)
    }
}

impl Registration {
    /// Checks what a plugin returned. The error completes "its registration says …".
    pub(super) fn check(manifest: Manifest) -> Result<Self, String> {
        check_size(&manifest)?;
        let mode = match manifest.mode.as_str() {
            modes::POOLED => Mode::Pooled,
            modes::SHARED => Mode::Shared,
            other => return Err(format!("mode {other:?}; there are \"pooled\" and \"shared\"")),
        };
        let is_set = |option: &str, word: &str| manifest.options.iter().any(|(name, value)| name == option && value == word);
        let resumes_eagerly = is_set(options::RESUME, options::EAGER);
        let keeps_rollback_state = is_set(options::ROLLBACK_STATE, options::KEEP);
        let is_known = |(name, value): &&(String, String)| {
            matches!(
                (name.as_str(), value.as_str()),
                (options::RESUME, options::EAGER) | (options::ROLLBACK_STATE, options::KEEP)
            )
        };
        let options = manifest.options.iter().filter(|option| !is_known(option));
        let mut unknown: Vec<_> = options.map(|(name, value)| format!("option {name}={value}")).collect();
        for hook in &manifest.hooks {
            match hook.as_str() {
                known if hooks::OF_PLUGIN.contains(&known) => {}
                // This host has no notices yet.
                notice if hooks::notice(notice).is_some() => unknown.push(format!("hook {notice}")),
                other => return Err(format!("the hook {other:?}; there are {}", hooks::OF_PLUGIN.join(", "))),
            }
        }
        let no_capability = |name: &str| format!("the capability {name:?}; there are {}", capability::names());
        let capabilities = Capabilities::parse(&manifest.capabilities).map_err(no_capability)?;
        let mut namespaces: Vec<NamespaceRegistration> = Vec::new();
        let mut names = HashSet::new();
        for namespace in manifest.namespaces {
            if !namespace.server_events.is_empty() && !capabilities.has(Capability::Cluster) {
                return Err(format!(
                    "server events on {:?}, and does not request the capability {:?}, which they need",
                    namespace.name,
                    capabilities::CLUSTER
                ));
            }
            let checked = NamespaceRegistration::check(namespace, &mut unknown)?;
            let what = if checked.pattern.is_some() { "pattern" } else { "namespace" };
            if !names.insert((what, checked.name.clone())) {
                return Err(format!("the {what} {:?} twice", checked.name));
            }
            namespaces.push(checked);
        }
        let patterns = namespaces.iter().filter(|namespace| namespace.pattern.is_some()).count();
        if patterns > PATTERNS_MAX {
            return Err(format!("{patterns} patterns of namespaces, and at most {PATTERNS_MAX} are allowed"));
        }
        let has = |name: &str| manifest.hooks.iter().any(|hook| hook == name);
        let (start, timer, snapshot) = (has(hooks::START), has(hooks::TIMER), has(hooks::SNAPSHOT));
        Ok(Self {
            mode,
            start,
            timer,
            snapshot,
            namespaces,
            resumes_eagerly,
            keeps_rollback_state,
            capabilities,
            sdk: manifest.sdk,
            unknown,
        })
    }
}

impl NamespaceRegistration {
    /// The handler of this event, if there is one.
    pub(crate) fn subscription(&self, event: &str) -> Option<&Subscription> {
        self.events.get(event).or(self.other_events.as_ref())
    }

    /// Whether it is for a namespace of this name.
    pub(crate) fn is_for(&self, namespace: &str) -> bool {
        self.pattern.as_ref().map_or(*self.name == *namespace, |pattern| pattern.matches(namespace))
    }

    /// The events that have a handler, in the order of their names: labels in `/metrics`.
    pub(crate) fn event_labels(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<_> = self.events.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Adds to `unknown` what this host does not know.
    fn check(namespace: NamespaceManifest, unknown: &mut Vec<String>) -> Result<Self, String> {
        let name = namespace.name;
        let has = |name: &str| namespace.options.iter().any(|option| option == name);
        let pattern = if has(options::PATTERN) { Some(Pattern::new(&name)?) } else { None };
        if pattern.is_none() && (!name.starts_with('/') || name.contains(',')) {
            return Err(format!("the namespace {name:?}; a name begins with \"/\" and has no comma"));
        }
        let overtakable_connection = has(options::OVERTAKABLE_CONNECTION);
        let is_known = |option: &&String| [options::PATTERN, options::OVERTAKABLE_CONNECTION].contains(&option.as_str());
        let options = namespace.options.iter().filter(|option| !is_known(option));
        unknown.extend(options.map(|option| format!("option {option} of {name}")));
        let (notices, hooks): (Vec<_>, Vec<_>) = namespace.hooks.iter().partition(|hook| hooks::notice(hook).is_some());
        unknown.extend(notices.iter().map(|notice| format!("hook {notice} of {name}")));
        let all = || hooks::OF_NAMESPACE.join(", ");
        let parse =
            |hook: &String| Hook::parse(hook).ok_or_else(|| format!("the hook {hook:?} on {name:?}; there are {}", all()));
        let mut hooks: Vec<_> = hooks.into_iter().map(parse).collect::<Result<_, _>>()?;
        hooks.sort_unstable();
        hooks.dedup();
        if let Some(reserved) = namespace.events.iter().find(|event| events::is_reserved(&event.name)) {
            let reserved = &reserved.name;
            let instead = events::instead_of_handler(reserved);
            return Err(format!(
                "a handler of the event {reserved:?} on {name:?}, a name that Socket.IO keeps for itself; {instead}"
            ));
        }
        if let Some(reserved) = namespace.server_events.iter().find(|event| events::is_reserved_between_servers(event)) {
            return Err(format!("the server event {reserved:?} on {name:?}, a name that Socket.IO keeps for itself"));
        }
        let events = namespace.events.into_iter().map(|event| {
            let subscription = Subscription::new(&event.options, &format!("{:?} on {name}", event.name), unknown);
            (event.name, subscription)
        });
        let events = events.collect();
        let other_events = namespace.other_events;
        let other_events = other_events.map(|options| Subscription::new(&options, &format!("other events on {name}"), unknown));
        let server_events = namespace.server_events.into();
        let name = name.into();
        Ok(Self { name, pattern, hooks, events, other_events, server_events, overtakable_connection, is_listed: false })
    }
}

/// Refuses a registration that is larger than any that an author writes. The host keeps most of it, and some of it in several tables.
fn check_size(manifest: &Manifest) -> Result<(), String> {
    let (mut texts, mut bytes) = (0, 0);
    manifest.each_text(&mut |text| {
        texts += 1;
        bytes += text.len();
    });
    if texts > REGISTRATION_NAMES_MAX {
        return Err(format!(
            "{texts} names of namespaces, events, hooks, capabilities and options, and at most {REGISTRATION_NAMES_MAX} are allowed"
        ));
    }
    if bytes > REGISTRATION_BYTES_MAX {
        return Err(format!("names of {bytes} bytes together, and at most {REGISTRATION_BYTES_MAX} are allowed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Registration;
    use crate::fixed_limits::{PATTERNS_MAX, REGISTRATION_BYTES_MAX, REGISTRATION_NAMES_MAX};
    use crate::plugin::manifest::{Manifest, NamespaceManifest, SubscriptionManifest};

    fn manifest(namespace: NamespaceManifest) -> Manifest {
        Manifest { mode: "pooled".into(), namespaces: vec![namespace], ..Manifest::default() }
    }

    fn namespace() -> NamespaceManifest {
        NamespaceManifest { name: "/".into(), ..NamespaceManifest::default() }
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_the_plugin_would_wait_for_in_vain_is_refused() {
        let refused = |manifest| Registration::check(manifest).unwrap_err();
        assert!(refused(Manifest { mode: "sharded".into(), ..Manifest::default() }).contains("\"pooled\" and \"shared\""));
        assert!(refused(Manifest { hooks: list(&["strat"]), ..manifest(namespace()) }).contains("the hook \"strat\""));
        assert!(refused(manifest(NamespaceManifest { hooks: list(&["start"]), ..namespace() })).contains("on \"/\""));
        let no_pattern = NamespaceManifest { name: "/(".into(), options: list(&["pattern"]), ..namespace() };
        assert!(refused(manifest(no_pattern)).contains("the pattern \"/(\", which is no regular expression"));
        assert!(refused(Manifest { capabilities: list(&["magic"]), ..manifest(namespace()) }).contains("\"magic\""));
        assert!(refused(manifest(NamespaceManifest { server_events: list(&["news"]), ..namespace() })).contains("\"cluster\""));
        let reserved = SubscriptionManifest { name: "disconnect".into(), options: Vec::new() };
        assert!(refused(manifest(NamespaceManifest { events: vec![reserved], ..namespace() })).contains("keeps for itself"));
        let twice = Manifest { namespaces: vec![namespace(), namespace()], ..manifest(namespace()) };
        assert!(refused(twice).contains("twice"));
    }

    #[test]
    fn a_registration_has_so_many_patterns_and_no_more() {
        let with = |count: usize| {
            let pattern =
                |number: usize| NamespaceManifest { name: format!("/{number}"), options: list(&["pattern"]), ..namespace() };
            let namespaces = (0..count).map(pattern).collect();
            Registration::check(Manifest { namespaces, ..manifest(namespace()) })
        };
        assert!(with(PATTERNS_MAX).unwrap().namespaces.iter().all(|namespace| namespace.pattern.is_some()));
        assert!(with(PATTERNS_MAX + 1).unwrap_err().contains("at most 32 are allowed"));
        let same = NamespaceManifest { options: list(&["pattern"]), ..namespace() };
        let both = Manifest { namespaces: vec![namespace(), same], ..manifest(namespace()) };
        assert_eq!(Registration::check(both).unwrap().namespaces.len(), 2, "a name and a pattern of the same text");
    }

    #[test]
    fn a_registration_has_so_many_names_of_so_many_bytes_and_no_more() {
        // The mode, the name of what made it, and the names of the namespaces.
        let with = |count: usize, bytes: usize| {
            let name = |number: usize| format!("/{}{number:09}", "x".repeat(bytes - 10));
            let namespaces = (0..count).map(|number| NamespaceManifest { name: name(number), ..namespace() }).collect();
            Registration::check(Manifest { mode: "pooled".into(), namespaces, ..Manifest::default() })
        };
        assert_eq!(with(REGISTRATION_NAMES_MAX - 2, 10).unwrap().namespaces.len(), REGISTRATION_NAMES_MAX - 2);
        assert!(with(REGISTRATION_NAMES_MAX - 1, 10).unwrap_err().contains("at most"));
        assert!(with(2, (REGISTRATION_BYTES_MAX - "pooled".len()) / 2).is_ok());
        assert!(with(2, REGISTRATION_BYTES_MAX / 2).unwrap_err().contains("bytes together"));
    }

    #[test]
    fn what_a_newer_host_may_know_is_ignored_and_logged() {
        let events = vec![SubscriptionManifest { name: "move".into(), options: list(&["overtakable", "fast"]) }];
        let registration = Registration::check(Manifest {
            hooks: list(&["timer", "notice:drain"]),
            options: vec![("resume".into(), "later".into())],
            ..manifest(NamespaceManifest {
                options: list(&["quiet"]),
                hooks: list(&["connection", "notice:upgrade"]),
                events,
                other_events: Some(list(&["slow"])),
                ..namespace()
            })
        });
        let registration = registration.unwrap();
        assert_eq!(
            registration.unknown,
            [
                "option resume=later",
                "hook notice:drain",
                "option quiet of /",
                "hook notice:upgrade of /",
                "option fast of \"move\" on /",
                "option slow of other events on /"
            ]
        );
        assert!(registration.timer && !registration.start && registration.namespaces[0].subscription("any").is_some());
        assert!(registration.namespaces[0].subscription("move").is_some_and(|subscription| subscription.overtakable));
    }
}
