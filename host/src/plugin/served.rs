//! Which namespaces a generation serves.

use std::collections::HashSet;

use super::pattern::Pattern;
use super::registration::NamespaceRegistration;

/// Which namespaces a generation serves.
#[derive(Debug, Default)]
pub(crate) struct ServedNamespaces {
    names: HashSet<Box<str>>,
    patterns: Vec<Pattern>,
}

impl ServedNamespaces {
    /// Those of a registration.
    pub(super) fn new(registrations: &[NamespaceRegistration]) -> Self {
        let fixed = registrations.iter().filter(|registration| registration.pattern.is_none());
        let names = fixed.map(|registration| registration.name.clone()).collect();
        Self { names, patterns: registrations.iter().filter_map(|registration| registration.pattern.clone()).collect() }
    }

    /// Whether the namespace of this name is among them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name) || self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// The pattern of this text.
    pub(super) fn pattern(&self, text: &str) -> Option<&Pattern> {
        self.patterns.iter().find(|pattern| pattern.text() == text)
    }
}
