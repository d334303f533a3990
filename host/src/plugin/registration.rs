//! What a plugin registered, checked: the host calls nothing else.

use std::collections::HashSet;

/// The manifest of a plugin, as its `register` returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) namespaces: Vec<NamespaceRegistration>,
    /// The export `start` is to be called.
    pub(crate) start: bool,
    /// The plugin sets timers.
    pub(crate) timer: bool,
    /// Sorted and without repetition.
    pub(crate) capabilities: Vec<String>,
    /// What made the component, for the log.
    pub(crate) sdk: String,
}

/// What a plugin does on one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NamespaceRegistration {
    pub(crate) name: Box<str>,
    pub(crate) hooks: HashSet<Hook>,
    pub(crate) events: HashSet<String>,
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
        ("connect-middleware", Self::ConnectMiddleware),
        ("connection", Self::Connection),
        ("event-middleware", Self::EventMiddleware),
        ("disconnecting", Self::Disconnecting),
        ("disconnect", Self::Disconnect),
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, hook)| *hook)
    }

    /// All names, for error messages.
    pub(crate) fn names() -> String {
        Self::NAMES.map(|(name, _)| name).join(", ")
    }
}
