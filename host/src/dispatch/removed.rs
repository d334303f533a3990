//! Namespaces that no plugin registers any more: their sockets are disconnected.

use super::dispatcher::Dispatcher;
use crate::adapter::{Adapter, Namespace};
use crate::effect::Write;

/// Sockets that are disconnected at once; between them others have their turn.
const SOCKETS_AT_ONCE: usize = 500;

/// Whether there is a namespace that is not registered any more: a socket of it is there, or its last handler runs.
pub(crate) fn has_removed(dispatcher: &Dispatcher, adapter: &Adapter) -> bool {
    adapter.namespaces().iter().any(|namespace| dispatcher.registry.serving(namespace).is_none())
}

/// Disconnects the sockets of all namespaces that are not registered any more, those that a pattern made included: each gets a DISCONNECT
/// packet, and the plugins that had served it get `disconnecting` and `disconnect`. One that is just connecting ends by itself. Returns how
/// many there were.
pub(crate) async fn disconnect_removed(dispatcher: &Dispatcher, adapter: &Adapter) -> usize {
    let mut disconnected = 0;
    for namespace in adapter.namespaces() {
        if dispatcher.registry.serving(&namespace).is_none() {
            disconnected += disconnect_all(dispatcher, &namespace).await;
        }
    }
    disconnected
}

async fn disconnect_all(dispatcher: &Dispatcher, namespace: &Namespace) -> usize {
    let mut disconnected = 0;
    loop {
        let sockets = namespace.lock().first(SOCKETS_AT_ONCE);
        if sockets.is_empty() {
            return disconnected;
        }
        disconnected += sockets.len();
        let disconnect = |socket| Write::Disconnect { socket, close: false };
        dispatcher.effects.apply(&mut sockets.into_iter().map(disconnect).collect());
        tokio::task::yield_now().await;
    }
}
