//! Timers that are due: those of a socket run in its queue, all others one at a time for each plugin, and so do events of other nodes.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use super::met::{self, Newcomers};
use super::server_event;
use crate::adapter::{DueTimer, Socket};
use crate::plugin::{Call, Chain, Export, PluginTimers, Progress, ServerEventCall, ServerEventQueue, TimerCall};

/// What belongs to no socket.
enum Due {
    Timer(TimerCall),
    ServerEvent(ServerEventCall),
}

/// Runs the timers of a plugin that belong to no socket and the events of other nodes, and adds the timers of sockets to their queues
/// meanwhile. Runs until the plugin is unloaded, or the host ends.
pub(crate) async fn run_timers(
    dispatcher: Arc<Dispatcher>,
    plugin: Arc<str>,
    timers: Arc<PluginTimers>,
    events: Option<Arc<ServerEventQueue>>,
) {
    let next_event = async || match &events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    };
    loop {
        let due = tokio::select! {
            timer = timers.due() => Due::Timer(timer),
            event = next_event() => Due::ServerEvent(event),
        };
        let running = async {
            match due {
                Due::Timer(timer) => run(&dispatcher, &plugin, timer).await,
                Due::ServerEvent(event) => server_event::run(&dispatcher, &plugin, event).await,
            }
        };
        tokio::select! {
            () = running => {}
            // Never ready; dropped when the call has ended.
            never = timers.forward_socket_timers() => match never {},
        }
    }
}

/// Runs a timer of a socket, in its queue.
pub(super) async fn socket_timer(
    dispatcher: Arc<Dispatcher>,
    socket: Arc<Socket>,
    chain: Option<Arc<Chain>>,
    newcomers: Newcomers,
    due: DueTimer,
    progress: Arc<Progress>,
) {
    if let Some(chain) = chain.as_deref().filter(|_| !newcomers.is_empty()) {
        Box::pin(met::resume(&dispatcher, &socket, chain, newcomers, &progress)).await;
    }
    let DueTimer { plugin, id, data, _held } = due;
    progress.set_last(false);
    let member = chain.as_deref().and_then(|chain| chain.member(&plugin));
    let registration = member.map(|member| member.index);
    // One that does not serve the namespace any more is called all the same: the timer is the plugin's.
    let runner = member.map(|member| member.plugin.clone()).or_else(|| dispatcher.registry.plugin(&plugin));
    let Some(runner) = runner else { return };
    let (export, effects) = (Export::Timer(Arc::new(TimerCall { id, data })), dispatcher.effects.clone());
    runner.call(Call { export, registration, socket: Some(socket), effects, progress }).await;
}

/// Runs a timer of no socket. A failure is logged by the plugin and has no other consequence.
async fn run(dispatcher: &Dispatcher, plugin: &str, timer: TimerCall) {
    let Some(runner) = dispatcher.registry.plugin(plugin) else { return };
    let (export, effects) = (Export::Timer(Arc::new(timer)), dispatcher.effects.clone());
    runner.call(Call { export, registration: None, socket: None, effects, progress: Arc::default() }).await;
}
