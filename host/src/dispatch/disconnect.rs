//! Disconnecting: `disconnecting` of every plugin that the socket had reached, then `disconnect` of each.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use crate::adapter::Socket;
use crate::plugin::{Call, Chain, Disconnection, Export, Hook, Progress};
use crate::reason::DisconnectReason;

/// Runs the chain. The rooms that the socket was in are readable in `disconnecting`, and none in `disconnect`, as in Socket.IO.
/// A failure is logged by the plugin and has no other consequence.
pub(super) async fn disconnect(
    dispatcher: Arc<Dispatcher>,
    socket: Arc<Socket>,
    chain: Option<Arc<Chain>>,
    reached: Vec<Arc<str>>,
    reason: DisconnectReason,
    progress: Arc<Progress>,
) {
    let Some(chain) = chain else { return };
    let (conn, ns, sid) = (socket.connection(), socket.namespace().name(), socket.id());
    tracing::debug!(conn, ns, %sid, reason = reason.as_str(), "a socket is disconnected");
    let disconnection = Disconnection { reason, details: None };
    for (hook, export) in [
        (Hook::Disconnecting, Export::Disconnecting(disconnection.clone())),
        (Hook::Disconnect, Export::Disconnect(disconnection)),
    ] {
        if hook == Hook::Disconnect {
            socket.forget_last_rooms();
        }
        for member in chain.members.iter().filter(|member| member.is_among(&reached) && member.has(hook)) {
            let call = Call {
                export: export.clone(),
                registration: Some(member.index),
                socket: Some(socket.clone()),
                effects: dispatcher.effects.clone(),
                progress: progress.clone(),
            };
            member.plugin.clone().call(call).await;
        }
    }
}
