//! Namespaces that no plugin registers any more, while their last sockets are disconnected.

use std::sync::Arc;

use super::chain::Chain;
use super::patterns::Patterns;

/// What one change of the table closed.
#[derive(Clone)]
pub(super) struct Closing {
    /// The number of the table without it.
    since: u32,
    what: What,
}

#[derive(Clone)]
enum What {
    Namespace {
        name: Box<str>,
        chain: Arc<Chain>,
    },
    /// `table`: the last that had them.
    Patterns {
        patterns: Patterns,
        table: u32,
    },
}

impl Closing {
    pub(super) fn namespace(since: u32, name: Box<str>, chain: Arc<Chain>) -> Self {
        Self { since, what: What::Namespace { name, chain } }
    }

    pub(super) fn patterns(since: u32, table: u32, patterns: &Patterns) -> Self {
        Self { since, what: What::Patterns { patterns: patterns.clone(), table } }
    }

    pub(super) fn since(&self) -> u32 {
        self.since
    }

    /// What is left of it without these fixed namespaces and patterns, which are registered.
    pub(super) fn without(self, is_fixed: &dyn Fn(&str) -> bool, registered: &Patterns) -> Option<Self> {
        let what = match self.what {
            What::Namespace { name, chain } => {
                (!is_fixed(&name) && !registered.has(&name)).then_some(What::Namespace { name, chain })?
            }
            What::Patterns { patterns, table } => {
                let patterns = patterns.without(registered);
                (!patterns.is_empty()).then_some(What::Patterns { patterns, table })?
            }
        };
        Some(Self { since: self.since, what })
    }

    /// The chain that a namespace of this name had.
    pub(super) fn chain(&self, namespace: &str) -> Option<Arc<Chain>> {
        match &self.what {
            What::Namespace { name, chain } => (**name == *namespace).then(|| chain.clone()),
            What::Patterns { patterns, table } => patterns.find(namespace, *table).map(|(_, chain)| chain),
        }
    }
}
