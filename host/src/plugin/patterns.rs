//! The patterns of all plugins, and the chains of the namespaces that they make.

use std::sync::{Arc, PoisonError, RwLock};

use super::chain::{Chain, Member};

/// Chains that are kept, one for each set of patterns that match the same name. Names are many and these sets few; beyond so many a
/// chain is made for each call.
const CHAINS_KEPT: usize = 1_000;

/// All patterns of one table.
#[derive(Clone)]
pub(super) struct Patterns {
    shared: Arc<Shared>,
}

struct Shared {
    /// Those of each plugin that has any.
    plugins: Vec<Vec<Member>>,
    /// Chains by the places of their members. Only added to: a place stays what it is.
    chains: RwLock<Vec<(Found, Arc<Chain>)>>,
}

/// For each plugin that has patterns, the first of them that matches a name.
type Found = Box<[Option<usize>]>;

impl Patterns {
    /// The patterns of each plugin, in configured order.
    pub(super) fn new<'a>(plugins: impl Iterator<Item = &'a [Member]>) -> Self {
        let plugins = plugins.filter(|patterns| !patterns.is_empty()).map(<[Member]>::to_vec).collect();
        Self { shared: Arc::new(Shared { plugins, chains: RwLock::default() }) }
    }

    /// Whether any pattern matches this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.members().any(|member| member.matches(name))
    }

    /// Whether there is a pattern of this text.
    pub(super) fn has_text(&self, text: &str) -> bool {
        self.members().any(|member| *member.registration.name == *text)
    }

    /// Whether there is no pattern.
    pub(super) fn is_empty(&self) -> bool {
        self.shared.plugins.is_empty()
    }

    /// Those whose text is not among the others'.
    pub(super) fn without(&self, others: &Self) -> Self {
        let rest = |patterns: &Vec<Member>| -> Vec<Member> {
            patterns.iter().filter(|member| !others.has_text(&member.registration.name)).cloned().collect()
        };
        let rest: Vec<_> = self.shared.plugins.iter().map(rest).collect();
        Self::new(rest.iter().map(Vec::as_slice))
    }

    /// The chain of a namespace of this name, and its number, if it is kept. `table`: the number of the table. None if no pattern
    /// matches.
    pub(super) fn find(&self, name: &str, table: u32) -> Option<(Option<usize>, Arc<Chain>)> {
        let first = |patterns: &Vec<Member>| patterns.iter().position(|member| member.matches(name));
        let found: Found = self.shared.plugins.iter().map(first).collect();
        if found.iter().all(Option::is_none) {
            return None;
        }
        if let Some(kept) = self.kept(&found) {
            return Some(kept);
        }
        let members = self.shared.plugins.iter().zip(&found).filter_map(|(patterns, first)| patterns.get((*first)?));
        let chain = Arc::new(Chain { table, members: members.cloned().collect() });
        let mut chains = self.shared.chains.write().unwrap_or_else(PoisonError::into_inner);
        // Two that find the same set at once keep it twice, which costs a place.
        let number = (chains.len() < CHAINS_KEPT).then(|| {
            chains.push((found, chain.clone()));
            chains.len() - 1
        });
        Some((number, chain))
    }

    /// The chain of this number.
    pub(super) fn chain(&self, number: usize) -> Option<Arc<Chain>> {
        self.shared.chains.read().unwrap_or_else(PoisonError::into_inner).get(number).map(|(_, chain)| chain.clone())
    }

    fn kept(&self, found: &Found) -> Option<(Option<usize>, Arc<Chain>)> {
        let chains = self.shared.chains.read().unwrap_or_else(PoisonError::into_inner);
        let number = chains.iter().position(|(kept, _)| kept == found)?;
        chains.get(number).map(|(_, chain)| (Some(number), chain.clone()))
    }

    /// The members that all patterns make.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.shared.plugins.iter().flatten()
    }
}
