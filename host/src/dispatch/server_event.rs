//! Events of other nodes: every plugin that registered their name on their namespace gets them, one at a time.

use std::sync::Arc;

use crate::peers::{NodeReply, ServerEvent, ServerEvents};
use crate::plugin::{Call, Export, Registry, ServerEventCall};

use super::dispatcher::Dispatcher;

/// Gives the events to the queues of the plugins.
pub(crate) struct ServerEventDispatch {
    registry: Arc<Registry>,
}

impl ServerEventDispatch {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }
}

impl ServerEvents for ServerEventDispatch {
    fn arrived(&self, event: ServerEvent) {
        let ServerEvent { namespace, message, reply } = event;
        let Some(chain) = self.registry.chain(&namespace) else { return };
        let queues: Vec<_> = chain.members.iter().filter_map(|member| member.server_events(&message.name)).collect();
        let replies = reply.map(|reply| NodeReply::for_plugins(queues.len(), reply)).unwrap_or_default();
        let replies = replies.into_iter().map(Some).chain(std::iter::repeat(None));
        for (queue, reply) in queues.iter().zip(replies) {
            queue.push(ServerEventCall { namespace: namespace.clone(), message: message.clone(), reply });
        }
    }
}

/// Runs an event, as the plugin serves when it begins. A failure is logged by the plugin and has no other consequence.
pub(super) async fn run(dispatcher: &Dispatcher, plugin: &str, event: ServerEventCall) {
    let Some(chain) = dispatcher.registry.serving(&event.namespace) else { return };
    let Some(member) = chain.member(plugin).filter(|member| member.server_events(&event.message.name).is_some()) else { return };
    let (runner, registration) = (member.plugin.clone(), Some(member.index));
    let (export, effects) = (Export::ServerEvent(Arc::new(event)), dispatcher.effects.clone());
    runner.call(Call { export, registration, socket: None, effects, progress: Arc::default() }).await;
}
