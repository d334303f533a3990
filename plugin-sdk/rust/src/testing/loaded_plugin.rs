//! A plugin of a host in memory: how to make it, and what it registered.

use super::ids::NodeIndex;
use crate::bindings::innkeeper::plugin::registering::{NamespaceRegistration, Registration};
use crate::error::{Error, Result};
use crate::plugin::Plugin;
use innkeeper_contract::capabilities::{self, NAMESPACES};
use innkeeper_contract::limits::NAMESPACE_NAME_BYTES_MAX;
use innkeeper_contract::options::{OVERTAKABLE, OVERTAKABLE_CONNECTION, PATTERN};
use innkeeper_contract::{Refusal, events, hooks, refusals};
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;

/// The function that makes a plugin, or refuses to: each call gets a new one.
pub(super) type MakePlugin = Arc<dyn Fn() -> Result<Plugin> + Send + Sync>;

/// What is the same for all calls of a plugin.
pub(super) struct LoadedPlugin {
    /// Its place among the plugins of all nodes.
    pub(super) index: usize,
    pub(super) node: NodeIndex,
    /// Its place among those of its node: the same plugin has the same one everywhere.
    pub(super) position: usize,
    pub(super) name: String,
    pub(super) make: MakePlugin,
    /// A JSON object.
    pub(super) config: String,
    pub(super) has_start: bool,
    pub(super) has_timer: bool,
    capabilities: Vec<String>,
    namespaces: Vec<NamespaceRegistration>,
    /// For each of the namespaces its expression, if it is a pattern.
    patterns: Vec<Option<Regex>>,
}

/// An export that belongs to a namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    ConnectMiddleware,
    Connection,
    EventMiddleware,
    Disconnecting,
    Disconnect,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::ConnectMiddleware => hooks::CONNECT_MIDDLEWARE,
            Self::Connection => hooks::CONNECTION,
            Self::EventMiddleware => hooks::EVENT_MIDDLEWARE,
            Self::Disconnecting => hooks::DISCONNECTING,
            Self::Disconnect => hooks::DISCONNECT,
        }
    }
}

impl LoadedPlugin {
    /// One that has not registered yet.
    pub(super) fn new(index: usize, node: NodeIndex, position: usize, name: String, make: MakePlugin, config: String) -> Self {
        let (capabilities, namespaces, patterns) = (Vec::new(), Vec::new(), Vec::new());
        let (has_start, has_timer) = (false, false);
        Self { index, node, position, name, make, config, has_start, has_timer, capabilities, namespaces, patterns }
    }

    /// The same plugin, once it has registered. The error is what no host would load.
    pub(super) fn registered(&self, registration: Registration) -> Result<Self, String> {
        let Registration { namespaces, hooks, capabilities, .. } = registration;
        if let Some(unknown) = capabilities.iter().find(|name| capabilities::parse(name).is_none()) {
            return Err(format!("requests the capability {unknown:?}; there are {}", capabilities::ALL.join(", ")));
        }
        let patterns = namespaces.iter().map(check_namespace).collect::<Result<_, _>>()?;
        let has = |name: &str| hooks.iter().any(|hook| hook == name);
        Ok(Self {
            index: self.index,
            node: self.node,
            position: self.position,
            name: self.name.clone(),
            make: self.make.clone(),
            config: self.config.clone(),
            has_start: has(hooks::START),
            has_timer: has(hooks::TIMER),
            capabilities,
            namespaces,
            patterns,
        })
    }

    /// The index of the registration that serves a namespace.
    pub(super) fn registration(&self, namespace: &str) -> Option<u32> {
        self.position(namespace).and_then(|index| u32::try_from(index).ok())
    }

    /// The name, else the first pattern that matches.
    fn position(&self, namespace: &str) -> Option<usize> {
        let mut registered = self.namespaces.iter().zip(&self.patterns);
        let by_name = registered.position(|(registered, pattern)| pattern.is_none() && registered.name == namespace);
        by_name.or_else(|| {
            let is_match = |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|it| it.is_match(namespace.as_bytes()));
            if namespace.len() > NAMESPACE_NAME_BYTES_MAX { None } else { self.patterns.iter().position(is_match) }
        })
    }

    /// Refuses what is the text of no pattern.
    pub(super) fn check_pattern(&self, text: &str) -> Result<()> {
        let mut registered = self.namespaces.iter().zip(&self.patterns);
        match registered.any(|(registered, pattern)| pattern.is_some() && registered.name == text) {
            true => Ok(()),
            false => Err(Error::refused(refusals::no_pattern(text))),
        }
    }

    /// Whether the plugin serves the namespace by the pattern of this text.
    pub(super) fn serves_by(&self, pattern: &str, namespace: &str) -> bool {
        let index = self.position(namespace).filter(|index| matches!(self.patterns.get(*index), Some(Some(_))));
        index.and_then(|index| self.namespaces.get(index)).is_some_and(|registered| registered.name == pattern)
    }

    pub(super) fn serves(&self, namespace: &str) -> bool {
        self.registration(namespace).is_some()
    }

    pub(super) fn has(&self, namespace: &str, hook: Hook) -> bool {
        self.namespace(namespace).is_some_and(|namespace| namespace.hooks.iter().any(|name| name == hook.name()))
    }

    pub(super) fn handles(&self, namespace: &str, event: &str) -> bool {
        self.namespace(namespace).is_some_and(|namespace| {
            namespace.other_events.is_some() || namespace.events.iter().any(|subscription| subscription.name == event)
        })
    }

    pub(super) fn handles_server_event(&self, namespace: &str, event: &str) -> bool {
        self.namespace(namespace).is_some_and(|namespace| namespace.server_events.iter().any(|name| name == event))
    }

    /// Whether the socket's next event may start while the plugin's handler of this event waits.
    pub(super) fn is_overtakable(&self, namespace: &str, event: &str) -> bool {
        let options = self.namespace(namespace).and_then(|namespace| {
            let named = namespace.events.iter().find(|subscription| subscription.name == event);
            named.map(|subscription| &subscription.options).or(namespace.other_events.as_ref())
        });
        options.is_some_and(|options| options.iter().any(|option| option == OVERTAKABLE))
    }

    /// Whether the socket's first event may start while the plugin's `connection` waits.
    pub(super) fn has_overtakable_connection(&self, namespace: &str) -> bool {
        self.namespace(namespace).is_some_and(|namespace| namespace.options.iter().any(|option| option == OVERTAKABLE_CONNECTION))
    }

    /// Whether the plugin requests a capability, in whatever scope. Whatever it requests, it is granted.
    pub(super) fn can(&self, capability: &str) -> bool {
        self.requested(capability).next().is_some()
    }

    /// Refuses what the plugin does not request.
    pub(super) fn needs(&self, capability: &str) -> Result<()> {
        if self.can(capability) { Ok(()) } else { Err(capability_missing(refusals::not_requested(capability), capability)) }
    }

    /// Refuses a part of a capability, a bucket for one, that the plugin does not request.
    pub(super) fn needs_part(&self, capability: &str, part: &str) -> Result<()> {
        self.needs(capability)?;
        if self.covers(capability, part) {
            return Ok(());
        }
        let narrowed = format!("{capability}:{part}");
        Err(capability_missing(refusals::not_requested(&narrowed), &narrowed))
    }

    /// Refuses a namespace that is not the plugin's, without the capability for it.
    pub(super) fn may_touch(&self, namespace: &str) -> Result<()> {
        if self.serves(namespace) || self.covers(NAMESPACES, namespace) {
            return Ok(());
        }
        Err(capability_missing(refusals::namespace_denied(namespace), &format!("{NAMESPACES}:{namespace}")))
    }

    fn covers(&self, capability: &str, part: &str) -> bool {
        self.requested(capability).any(|narrowed| narrowed.is_none_or(|narrowed| narrowed == part))
    }

    /// What a capability is narrowed to, in each of the requests for it.
    fn requested(&self, capability: &str) -> impl Iterator<Item = Option<&str>> {
        let parsed = self.capabilities.iter().filter_map(|text| capabilities::parse(text));
        parsed.filter(move |(name, _)| *name == capability).map(|(_, narrowed)| narrowed)
    }

    fn namespace(&self, name: &str) -> Option<&NamespaceRegistration> {
        self.position(name).and_then(|index| self.namespaces.get(index))
    }
}

/// The refusal, with the call that requests the capability: here every plugin is written in Rust.
fn capability_missing(refusal: Refusal, capability: &str) -> Error {
    Error::host(refusal.code, format!("{refusal}: add `.capability({capability:?})` to the plugin"))
}

/// Returns the expression of a pattern.
fn check_namespace(namespace: &NamespaceRegistration) -> Result<Option<Regex>, String> {
    let name = &namespace.name;
    let is_pattern = namespace.options.iter().any(|option| option == PATTERN);
    let build = || RegexBuilder::new(&format!(r"\A(?:{name})\z")).unicode(false).build();
    let no_pattern = |error| format!("has the pattern {name:?}, which is no regular expression: {error}");
    let pattern = if is_pattern { Some(build().map_err(no_pattern)?) } else { None };
    if !is_pattern && (!name.starts_with('/') || name.contains(',')) {
        return Err(format!("has the namespace {name:?}; a name begins with \"/\" and has no comma"));
    }
    if let Some(reserved) = namespace.server_events.iter().find(|event| events::is_reserved_between_servers(event)) {
        return Err(format!("has a handler of the server event {reserved:?}, a name that Socket.IO keeps for itself"));
    }
    match namespace.events.iter().find(|event| events::is_reserved(&event.name)) {
        Some(reserved) => {
            let instead = events::instead_of_handler(&reserved.name);
            Err(format!("has a handler of the event {:?}, a name that Socket.IO keeps for itself; {instead}", reserved.name))
        }
        None => Ok(pattern),
    }
}
