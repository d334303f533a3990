//! Leaving: `disconnecting` of every plugin that the socket had reached, then `disconnect` of each.

use std::sync::Arc;

use super::Hall;
use crate::plugin::{Call, Entry, Hook, Progress};
use crate::sockets::Record;

/// Runs the chain. Failures concern nobody but the log, which has them from the plugin.
pub(super) async fn leave(
    hall: Arc<Hall>,
    socket: Arc<Record>,
    reached: Vec<Arc<str>>,
    reason: &'static str,
    progress: Arc<Progress>,
) {
    let Some(chain) = hall.registry.chain(socket.namespace().name()) else { return };
    let hooks = [(Hook::Disconnecting, Entry::Disconnecting { reason }), (Hook::Disconnect, Entry::Disconnect { reason })];
    for (hook, entry) in hooks {
        let met = chain.members.iter().filter(|member| reached.contains(member.plugin.name()) && member.has(hook));
        for member in met {
            let (effects, progress) = (hall.effects.clone(), progress.clone());
            member.plugin.clone().call(Call { entry: entry.clone(), socket: Some(socket.clone()), effects, progress }).await;
        }
    }
}
