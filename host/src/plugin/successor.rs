//! What runs a call that came to a generation which does not serve any more: whatever the registry has for it now.

use std::pin::Pin;
use std::sync::Arc;

use super::call::{Call, CallOutcome, Export};
use super::chain::Member;
use super::registration::Hook;
use super::registry::Registry;
use super::runner::{Runner, Successors};
use crate::adapter::Socket;

impl Successors for Registry {
    fn run(&self, plugin: &str, call: Call) -> Pin<Box<dyn Future<Output = CallOutcome> + Send>> {
        match self.successor(plugin, call) {
            Some((runner, call)) => runner.call(call),
            None => Box::pin(std::future::ready(CallOutcome::Done)),
        }
    }

    fn is_closing(&self, socket: &Socket) -> bool {
        self.serving(socket.namespace()).is_none()
    }
}

impl Registry {
    /// The generation that serves now, and the call as it is for its registration. None if it has nothing registered for that.
    fn successor(&self, plugin: &str, call: Call) -> Option<(Arc<dyn Runner>, Call)> {
        if let Export::ServerEvent(event) = &call.export {
            let chain = self.serving(&event.namespace)?;
            let member = chain.member(plugin).filter(|member| handles(member, &call.export))?;
            return Some((member.plugin.clone(), Call { registration: Some(member.index), ..call }));
        }
        let Some(socket) = call.socket.as_ref().filter(|_| call.registration.is_some()) else {
            return Some((self.plugin(plugin)?, call));
        };
        // Not that of a namespace which is closing: it has the generation that the call comes from.
        let chain = self.serving(socket.namespace())?;
        let member = chain.member(plugin).filter(|member| handles(member, &call.export))?;
        Some((member.plugin.clone(), Call { registration: Some(member.index), ..call }))
    }
}

/// Whether the plugin registered the export here.
fn handles(member: &Member, export: &Export) -> bool {
    match export {
        Export::ConnectMiddleware => member.has(Hook::ConnectMiddleware),
        Export::Connection { .. } => member.has(Hook::Connection),
        Export::EventMiddleware(_) => member.has(Hook::EventMiddleware),
        Export::Event(event) => member.subscription(&event.name).is_some(),
        Export::Disconnecting(_) => member.has(Hook::Disconnecting),
        Export::Disconnect(_) => member.has(Hook::Disconnect),
        Export::ServerEvent(event) => member.server_events(&event.message.name).is_some(),
        Export::Timer(_) => true,
        // Of one generation alone.
        Export::Start { .. } | Export::Wake | Export::Snapshot | Export::Restore => false,
    }
}
