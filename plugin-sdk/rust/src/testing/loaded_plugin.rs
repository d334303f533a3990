//! A plugin of a test host: how to make it, and what it registered.

use crate::bindings::innkeeper::plugin::registering::{NamespaceRegistration, Registration};
use crate::error::{Error, Result};
use crate::plugin::Plugin;
use innkeeper_contract::capabilities::{ALL, NAMESPACES};
use innkeeper_contract::{events, hooks, refusals};
use std::sync::Arc;

/// The function that makes a plugin: each call gets a new one.
pub(super) type MakePlugin = Arc<dyn Fn() -> Plugin + Send + Sync>;

/// What is the same for all calls of a plugin.
pub(super) struct LoadedPlugin {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) make: MakePlugin,
    /// A JSON object.
    pub(super) config: String,
    pub(super) capabilities: Vec<String>,
    pub(super) namespaces: Vec<NamespaceRegistration>,
    pub(super) has_start: bool,
    pub(super) has_timer: bool,
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
    pub(super) fn new(index: usize, name: String, make: MakePlugin, config: String) -> Self {
        let (capabilities, namespaces) = (Vec::new(), Vec::new());
        Self { index, name, make, config, capabilities, namespaces, has_start: false, has_timer: false }
    }

    /// The same plugin, once it has registered. What no host would load fails the test.
    pub(super) fn registered(&self, registration: Registration) -> Result<Self, String> {
        let Registration { namespaces, hooks, capabilities, .. } = registration;
        if let Some(unknown) = capabilities.iter().find(|name| !ALL.contains(&name.as_str())) {
            return Err(format!("asks for the capability {unknown:?}; there are {}", ALL.join(", ")));
        }
        namespaces.iter().try_for_each(check_namespace)?;
        let has = |name: &str| hooks.iter().any(|hook| hook == name);
        Ok(Self {
            index: self.index,
            name: self.name.clone(),
            make: self.make.clone(),
            config: self.config.clone(),
            has_start: has(hooks::START),
            has_timer: has(hooks::TIMER),
            capabilities,
            namespaces,
        })
    }

    pub(super) fn namespace(&self, name: &str) -> Option<&NamespaceRegistration> {
        self.namespaces.iter().find(|namespace| namespace.name == name)
    }

    pub(super) fn has(&self, namespace: &str, hook: Hook) -> bool {
        self.namespace(namespace).is_some_and(|namespace| namespace.hooks.iter().any(|name| name == hook.name()))
    }

    pub(super) fn handles(&self, namespace: &str, event: &str) -> bool {
        let handles =
            |namespace: &NamespaceRegistration| namespace.all_events || namespace.events.iter().any(|name| name == event);
        self.namespace(namespace).is_some_and(handles)
    }

    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|asked| asked == capability)
    }

    /// Refuses what the plugin does not request. Whatever it requests, it is granted.
    pub(super) fn needs(&self, capability: &str) -> Result<()> {
        if self.can(capability) { Ok(()) } else { Err(Error::refused(refusals::not_requested(capability))) }
    }

    /// Refuses a namespace that is not the plugin's, without the capability for it.
    pub(super) fn may_touch(&self, namespace: &str) -> Result<()> {
        if self.namespace(namespace).is_some() || self.can(NAMESPACES) {
            return Ok(());
        }
        Err(Error::refused(refusals::namespace_denied(namespace)))
    }
}

fn check_namespace(namespace: &NamespaceRegistration) -> Result<(), String> {
    let name = &namespace.name;
    if !namespace.options.is_empty() {
        return Err(format!("has the pattern {name:?}, and the host of tests does not have patterns yet"));
    }
    if !name.starts_with('/') || name.contains(',') {
        return Err(format!("has the namespace {name:?}; a name begins with \"/\" and has no comma"));
    }
    match namespace.events.iter().find(|event| events::is_reserved(event)) {
        Some(reserved) => {
            Err(format!("has a handler of the event {reserved:?}, a name that Socket.IO keeps for itself; it is a hook"))
        }
        None => Ok(()),
    }
}
