//! Timers that are due: those of a socket go into its queue, all others run one at a time for each plugin.

use std::sync::Arc;

use super::Hall;
use crate::plugin::{Alarms, Call, Entry, Progress, TimerCall};
use crate::sockets::{Errand, Record};

/// Runs the timers of a plugin itself, and lets those of sockets into their queues meanwhile. Runs until the host ends; `app`
/// spawns one for each plugin.
pub(crate) async fn ring(hall: Arc<Hall>, plugin: Arc<str>, alarms: Arc<Alarms>) {
    loop {
        let due = alarms.due().await;
        tokio::select! {
            () = run(&hall, &plugin, None, due.name, due.data, Arc::default()) => {}
            // Never ready; dropped when the call has ended.
            never = alarms.due_of_sockets() => match never {},
        }
    }
}

/// Runs a timer of a socket, in its queue.
pub(super) async fn errand(hall: Arc<Hall>, socket: Arc<Record>, errand: Errand, progress: Arc<Progress>) {
    run(&hall, &errand.plugin, Some(socket), errand.name, errand.data, progress).await;
}

/// Its failure concerns nobody but the log, which has it from the plugin.
async fn run(hall: &Hall, plugin: &str, socket: Option<Arc<Record>>, name: Box<str>, data: Box<str>, progress: Arc<Progress>) {
    let Some(runner) = hall.registry.plugin(plugin) else { return };
    let entry = Entry::Timer(Arc::new(TimerCall { name, data }));
    runner.call(Call { entry, socket, effects: hall.effects.clone(), progress }).await;
}
