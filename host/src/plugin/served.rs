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

    /// Whether there is a pattern of this text.
    pub(super) fn has_pattern(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.text() == text)
    }

    /// Whether the namespace of this name is among them by the pattern of this text: by no name, and by no pattern before it.
    pub(super) fn has_by_pattern(&self, name: &str, text: &str) -> bool {
        let first = || self.patterns.iter().find(|pattern| pattern.matches(name));
        !self.names.contains(name) && first().is_some_and(|pattern| pattern.text() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::{NamespaceRegistration, Pattern, ServedNamespaces};

    #[test]
    fn a_namespace_is_served_by_its_name_or_by_the_first_pattern_that_matches() {
        let registration = |name: &str| {
            let pattern = name.contains('*').then(|| Pattern::new(name).unwrap());
            NamespaceRegistration { name: name.into(), pattern, ..Default::default() }
        };
        let served = ServedNamespaces::new(&["/room-1", "/room-[0-9]*", "/room.*", "/x*"].map(registration));
        assert!(served.has_pattern("/room.*") && !served.has_pattern("/room-1"));
        for (name, by) in
            [("/room-1", None), ("/room-2", Some("/room-[0-9]*")), ("/rooms", Some("/room.*")), ("/xx", Some("/x*"))]
        {
            assert!(served.has(name));
            for pattern in ["/room-[0-9]*", "/room.*", "/x*"] {
                assert_eq!(served.has_by_pattern(name, pattern), by == Some(pattern), "{name} by {pattern}");
            }
        }
        assert!(!served.has("/other") && !served.has_by_pattern("/other", "/room.*"));
    }
}
