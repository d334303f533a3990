//! Disconnecting: `disconnecting` of every plugin that the socket had reached, then `disconnect` of each.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use crate::adapter::Socket;
use crate::plugin::{Call, Export, Hook, Progress};

/// Runs the chain. A failure is logged by the plugin and has no other consequence.
pub(super) async fn disconnect(
    dispatcher: Arc<Dispatcher>,
    socket: Arc<Socket>,
    reached: Vec<Arc<str>>,
    reason: &'static str,
    progress: Arc<Progress>,
) {
    let Some(chain) = dispatcher.registry.chain(socket.namespace().name()) else { return };
    let hooks = [(Hook::Disconnecting, Export::Disconnecting { reason }), (Hook::Disconnect, Export::Disconnect { reason })];
    for (hook, export) in hooks {
        let members = chain.members.iter().filter(|member| reached.contains(member.plugin.name()) && member.has(hook));
        for member in members {
            let (effects, progress) = (dispatcher.effects.clone(), progress.clone());
            member.plugin.clone().call(Call { export: export.clone(), socket: Some(socket.clone()), effects, progress }).await;
        }
    }
}
