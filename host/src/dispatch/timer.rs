//! Timers that are due: those of a socket run in its queue, all others one at a time for each plugin.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use crate::adapter::{DueTimer, Socket};
use crate::plugin::{Call, Export, PluginTimers, Progress, TimerCall};

/// Runs the timers of a plugin that belong to no socket, and adds those of sockets to their queues meanwhile. Runs until the
/// host ends; `app` spawns one for each plugin.
pub(crate) async fn run_timers(dispatcher: Arc<Dispatcher>, plugin: Arc<str>, timers: Arc<PluginTimers>) {
    loop {
        let due = timers.due().await;
        tokio::select! {
            () = run(&dispatcher, &plugin, None, due, Arc::default()) => {}
            // Never ready; dropped when the call has ended.
            never = timers.forward_socket_timers() => match never {},
        }
    }
}

/// Runs a timer of a socket, in its queue.
pub(super) async fn socket_timer(dispatcher: Arc<Dispatcher>, socket: Arc<Socket>, due: DueTimer, progress: Arc<Progress>) {
    let DueTimer { plugin, id, data, _held } = due;
    progress.set_last(false);
    run(&dispatcher, &plugin, Some(socket), TimerCall { id, data }, progress).await;
}

/// Runs one timer. A failure is logged by the plugin and has no other consequence.
async fn run(dispatcher: &Dispatcher, plugin: &str, socket: Option<Arc<Socket>>, timer: TimerCall, progress: Arc<Progress>) {
    let Some(runner) = dispatcher.registry.plugin(plugin) else { return };
    let chain = socket.as_ref().and_then(|socket| dispatcher.registry.chain(socket.namespace().name()));
    let registration = chain.and_then(|chain| chain.member(plugin).map(|member| member.index));
    let export = Export::Timer(Arc::new(timer));
    runner.call(Call { export, registration, socket, effects: dispatcher.effects.clone(), progress }).await;
}
