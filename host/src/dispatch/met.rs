//! Which plugins a socket has met: those whose place in its connect chain it reached, and those that joined its namespace later.

use std::sync::Arc;

use innkeeper_contract::kinds;
use smallvec::SmallVec;

use super::dispatcher::Dispatcher;
use crate::adapter::Socket;
use crate::plugin::{Call, Chain, Export, Hook, Progress};

/// The plugins that a socket has met, by their names.
pub(super) struct Met {
    plugins: Vec<Arc<str>>,
    /// The number of the table whose chain was compared with them. Comparing costs something, and tables change rarely.
    table: Option<u32>,
}

/// The places of members in a chain. There are none unless a plugin has just joined.
pub(super) type Newcomers = SmallVec<[usize; 1]>;

impl Met {
    /// Of a socket that begins with this chain.
    pub(super) fn new(connects: Option<&Chain>) -> Self {
        Self { plugins: Vec::new(), table: connects.map(|chain| chain.table) }
    }

    /// The connect chain has ended, and reached these plugins.
    pub(super) fn reached(&mut self, reached: Vec<Arc<str>>) {
        // Some may have joined while it waited.
        let joined = std::mem::replace(&mut self.plugins, reached);
        self.plugins.extend(joined);
    }

    /// The members that the socket has not met, which count as met from now on. Plugins that the chain does not have are forgotten.
    /// `connects`: the connect chain, while it runs.
    pub(super) fn newcomers(&mut self, chain: &Chain, connects: Option<&Chain>) -> Newcomers {
        if self.table == Some(chain.table) {
            return Newcomers::new();
        }
        self.table = Some(chain.table);
        self.plugins.retain(|plugin| chain.members.iter().any(|member| Arc::ptr_eq(member.plugin.name(), plugin)));
        let mut newcomers = Newcomers::new();
        for (index, member) in chain.members.iter().enumerate() {
            let is_connecting = |connects: &Chain| connects.members.iter().any(|other| other.is_same_plugin(member));
            if !member.is_among(&self.plugins) && !connects.is_some_and(is_connecting) {
                self.plugins.push(member.plugin.name().clone());
                newcomers.push(index);
            }
        }
        newcomers
    }

    /// The plugins, at the end of the socket.
    pub(super) fn take(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.plugins)
    }
}

/// Tells plugins that joined the namespace of a socket that is connected already. A failure is logged by the plugin and has no other
/// consequence.
pub(super) async fn resume(
    dispatcher: &Dispatcher,
    socket: &Arc<Socket>,
    chain: &Chain,
    newcomers: Newcomers,
    progress: &Arc<Progress>,
) {
    let members = newcomers.into_iter().filter_map(|index| chain.members.get(index));
    for member in members.filter(|member| member.has(Hook::Connection)) {
        let call = Call {
            export: Export::Connection { kind: kinds::RESUMED },
            registration: Some(member.index),
            socket: Some(socket.clone()),
            effects: dispatcher.effects.clone(),
            progress: progress.clone(),
        };
        member.plugin.clone().call(call).await;
    }
}
