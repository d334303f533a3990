//! The chain of a namespace: the plugins that serve it.

use std::sync::Arc;

use super::registration::{Hook, NamespaceRegistration, Subscription};
use super::runner::Runner;
use super::server_event_queue::ServerEventQueue;

/// The plugins of one namespace in configured order.
#[derive(Default)]
pub(crate) struct Chain {
    /// The number of the table that it stands in: chains of one namespace with the same number have the same members.
    pub(crate) table: u32,
    pub(crate) members: Vec<Member>,
}

/// One plugin's place in a chain.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) plugin: Arc<dyn Runner>,
    /// The index of the registration among those of the plugin.
    pub(crate) index: u32,
    pub(crate) registration: Arc<NamespaceRegistration>,
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

    /// Where the server events of this name wait for the plugin, if it handles them here.
    pub(crate) fn server_events(&self, name: &str) -> Option<&Arc<ServerEventQueue>> {
        self.registration.server_events.iter().find(|event| **event == *name).and(self.plugin.server_events())
    }

    /// Whether it is there by a pattern that matches this name.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.registration.pattern.as_ref().is_some_and(|pattern| pattern.matches(name))
    }

    /// Whether the other is the same plugin, in whatever generation.
    pub(crate) fn is_same_plugin(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.plugin.name(), other.plugin.name())
    }

    /// Whether it is one of these plugins, in whatever generation: all generations of a plugin have one name, and a plugin that was
    /// unloaded and loaded anew has another of the same text.
    pub(crate) fn is_among(&self, plugins: &[Arc<str>]) -> bool {
        plugins.iter().any(|name| Arc::ptr_eq(name, self.plugin.name()))
    }
}
