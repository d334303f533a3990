//! What a plugin registered, checked: the host calls nothing else.

use std::collections::HashSet;

use innkeeper_contract::{events, hooks, modes, options};

use super::capability::{self, Capabilities};
use super::manifest::{Manifest, NamespaceManifest};

/// The registration of a plugin, as its `register` returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) namespaces: Vec<NamespaceRegistration>,
    /// Whether the export `start` is to be called.
    pub(crate) start: bool,
    /// Whether the plugin sets timers.
    pub(crate) timer: bool,
    /// What the plugin requests.
    pub(crate) capabilities: Capabilities,
    /// What made the component, for the log.
    pub(crate) sdk: String,
}

/// What a plugin does on one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NamespaceRegistration {
    pub(crate) name: Box<str>,
    pub(crate) hooks: HashSet<Hook>,
    pub(crate) events: HashSet<String>,
    /// Whether the plugin has a handler for every event that `events` does not name.
    pub(crate) all_events: bool,
}

/// An export that belongs to a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, hook)| *hook)
    }
}

impl Registration {
    /// Checks what a plugin returned. The error completes "its registration says …".
    pub(super) fn check(manifest: Manifest) -> Result<Self, String> {
        match manifest.mode.as_str() {
            modes::POOLED => {}
            modes::SHARED => return Err("mode \"shared\", which this host does not have yet".into()),
            other => return Err(format!("mode {other:?}; there are \"pooled\" and \"shared\"")),
        }
        for hook in &manifest.hooks {
            match hook.as_str() {
                "start" | "timer" | "server-event" | "snapshot" => {}
                other => return Err(format!("the hook {other:?}; there are start, timer, server-event, snapshot")),
            }
        }
        let unknown = |name: &str| format!("the capability {name:?}; there are {}", capability::names());
        let capabilities = Capabilities::parse(&manifest.capabilities).map_err(unknown)?;
        let mut namespaces: Vec<NamespaceRegistration> = Vec::new();
        for namespace in manifest.namespaces {
            let checked = NamespaceRegistration::check(namespace)?;
            if namespaces.iter().any(|other| other.name == checked.name) {
                return Err(format!("the namespace {:?} twice", checked.name));
            }
            namespaces.push(checked);
        }
        let has = |name: &str| manifest.hooks.iter().any(|hook| hook == name);
        Ok(Self { start: has(hooks::START), timer: has(hooks::TIMER), namespaces, capabilities, sdk: manifest.sdk })
    }
}

impl NamespaceRegistration {
    fn check(namespace: NamespaceManifest) -> Result<Self, String> {
        let name = namespace.name;
        if namespace.options.iter().any(|option| option == options::PATTERN) {
            return Err(format!("the pattern {name:?}, and this host does not have patterns yet"));
        }
        if !name.starts_with('/') || name.contains(',') {
            return Err(format!("the namespace {name:?}; a name begins with \"/\" and has no comma"));
        }
        let all = || hooks::OF_NAMESPACE.join(", ");
        let parse =
            |hook: &String| Hook::parse(hook).ok_or_else(|| format!("the hook {hook:?} on {name:?}; there are {}", all()));
        let hooks = namespace.hooks.iter().map(parse).collect::<Result<_, _>>()?;
        if let Some(reserved) = namespace.events.iter().find(|event| events::is_reserved(event)) {
            return Err(format!(
                "a handler of the event {reserved:?} on {name:?}, a name that Socket.IO keeps for itself; it is a hook"
            ));
        }
        let events = namespace.events.into_iter().collect();
        Ok(Self { name: name.into(), hooks, events, all_events: namespace.other_events })
    }
}
