//! Leaving: `disconnecting` of every plugin that the socket had reached, then `disconnect` of each.

use std::sync::Arc;

use super::Dispatcher;
use crate::adapter::Socket;
use crate::plugin::{Call, Export, Hook, Progress};

/// Runs the chain. Failures concern nobody but the log, which has them from the plugin.
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
        let met = chain.members.iter().filter(|member| reached.contains(member.plugin.name()) && member.has(hook));
        for member in met {
            let (effects, progress) = (dispatcher.effects.clone(), progress.clone());
            member.plugin.clone().call(Call { export: export.clone(), socket: Some(socket.clone()), effects, progress }).await;
        }
    }
}
