//! The threads of calls that compute. Plugins take turns on them, and so do the calls of one plugin: a turn is one tick of the clock.
//!
//! A plugin with few calls here is not behind one with many: the next turn is always that of the plugin with the fewest calls that
//! run, and of those the one that has waited longest. Several calls of one plugin run at once only while no other plugin has one to
//! run, so no thread stands idle beside a queue.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What a guest thread does in one turn.
pub(super) trait Slice: Send {
    /// Runs for one turn. Returns itself if it wants another.
    fn take(self: Box<Self>) -> Option<Box<dyn Slice>>;
}

/// The threads. They end when this is dropped; what stands in their queue then is dropped with it.
pub(super) struct GuestThreads {
    queue: Arc<Queue>,
    count: usize,
}

#[derive(Default)]
struct Queue {
    /// Never held while a turn runs.
    turns: Mutex<Turns>,
    /// A turn was added, or the threads are to end.
    changed: Condvar,
}

#[derive(Default)]
struct Turns {
    /// The plugins with calls here. Whose turn was last stands last.
    plugins: VecDeque<PluginTurns>,
    have_ended: bool,
}

struct PluginTurns {
    plugin: Arc<str>,
    waiting: VecDeque<Box<dyn Slice>>,
    /// Turns that run now.
    running: usize,
}

impl GuestThreads {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let threads = Self { queue: Arc::default(), count };
        for number in 0..count {
            let queue = threads.queue.clone();
            thread::Builder::new().name(format!("guest-{number}")).spawn(move || queue.work())?;
        }
        Ok(threads)
    }

    /// Whether there is no thread: then every call stays in its task.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a turn behind the others of this plugin.
    pub(super) fn add(&self, plugin: &Arc<str>, turn: Box<dyn Slice>) {
        self.queue.lock().add(plugin, turn);
        self.queue.changed.notify_one();
    }

    /// Turns of this plugin that wait for a thread.
    pub(super) fn waiting(&self, plugin: &str) -> usize {
        self.queue.lock().plugins.iter().find(|turns| *turns.plugin == *plugin).map_or(0, |turns| turns.waiting.len())
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        let left = {
            let mut turns = self.queue.lock();
            turns.have_ended = true;
            std::mem::take(&mut turns.plugins)
        };
        self.queue.changed.notify_all();
        // Not under the lock: what ends here may add to the queue.
        drop(left);
    }
}

impl Queue {
    fn work(&self) {
        let mut turns = self.lock();
        while !turns.have_ended {
            let Some((plugin, turn)) = turns.next() else {
                turns = self.changed.wait(turns).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(turns);
            let again = turn.take();
            turns = self.lock();
            turns.ended(&plugin, again);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn add(&mut self, plugin: &Arc<str>, turn: Box<dyn Slice>) {
        if let Some(turns) = self.of(plugin) {
            turns.waiting.push_back(turn);
            return;
        }
        self.plugins.push_back(PluginTurns { plugin: plugin.clone(), waiting: [turn].into(), running: 0 });
    }

    /// The next turn.
    fn next(&mut self) -> Option<(Arc<str>, Box<dyn Slice>)> {
        let with_turn = self.plugins.iter().enumerate().filter(|(_, turns)| !turns.waiting.is_empty());
        let (index, _) = with_turn.min_by_key(|(_, turns)| turns.running)?;
        let mut turns = self.plugins.remove(index)?;
        let turn = turns.waiting.pop_front()?;
        turns.running += 1;
        let plugin = turns.plugin.clone();
        self.plugins.push_back(turns);
        Some((plugin, turn))
    }

    /// A turn of this plugin has ended; `again` is the next of the same call.
    fn ended(&mut self, plugin: &Arc<str>, again: Option<Box<dyn Slice>>) {
        let Some(turns) = self.of(plugin) else { return };
        turns.running = turns.running.saturating_sub(1);
        turns.waiting.extend(again);
        self.plugins.retain(|turns| turns.running > 0 || !turns.waiting.is_empty());
    }

    fn of(&mut self, plugin: &str) -> Option<&mut PluginTurns> {
        self.plugins.iter_mut().find(|turns| *turns.plugin == *plugin)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{self, Sender};
    use std::time::Duration;

    use super::{GuestThreads, Slice, Turns};

    /// A call that wants so many turns.
    struct Counted {
        name: &'static str,
        left: usize,
        log: Sender<&'static str>,
    }

    impl Slice for Counted {
        fn take(mut self: Box<Self>) -> Option<Box<dyn Slice>> {
            self.log.send(self.name).unwrap();
            self.left -= 1;
            if self.left > 0 { Some(self) } else { None }
        }
    }

    #[test]
    fn plugins_take_turns_and_so_do_the_calls_of_one() {
        let (log, logged) = mpsc::channel();
        let (many, few) = (Arc::from("many"), Arc::from("few"));
        let mut turns = Turns::default();
        for name in ["many 1", "many 2", "many 3"] {
            turns.add(&many, Box::new(Counted { name, left: 2, log: log.clone() }));
        }
        turns.add(&few, Box::new(Counted { name: "few", left: 3, log }));
        while let Some((plugin, turn)) = turns.next() {
            let again = turn.take();
            turns.ended(&plugin, again);
        }
        let order = ["many 1", "few", "many 2", "few", "many 3", "few", "many 1", "many 2", "many 3"];
        assert_eq!(logged.try_iter().collect::<Vec<_>>(), order);
        assert!(turns.plugins.is_empty(), "nothing is kept of plugins without calls");
    }

    #[test]
    fn a_plugin_with_a_running_call_is_behind_one_without() {
        let (log, _logged) = mpsc::channel();
        let (many, few) = (Arc::from("many"), Arc::from("few"));
        let mut turns = Turns::default();
        for name in ["many 1", "many 2"] {
            turns.add(&many, Box::new(Counted { name, left: 2, log: log.clone() }));
        }
        assert_eq!(turns.next().map(|(plugin, _)| plugin), Some(many.clone()));
        turns.add(&few, Box::new(Counted { name: "few", left: 3, log }));
        assert_eq!(turns.next().map(|(plugin, _)| plugin), Some(few));
        assert_eq!(turns.next().map(|(plugin, _)| plugin), Some(many), "a thread that is free takes a second one");
        assert!(turns.next().is_none());
    }

    #[test]
    fn threads_run_what_is_added_and_drop_the_rest_at_their_end() {
        let (log, logged) = mpsc::channel();
        let threads = GuestThreads::start(2).unwrap();
        threads.add(&"plugin".into(), Box::new(Counted { name: "one", left: 3, log: log.clone() }));
        for _ in 0..3 {
            assert_eq!(logged.recv_timeout(Duration::from_secs(10)), Ok("one"));
        }
        drop(threads);
        drop(log);
        assert!(logged.recv_timeout(Duration::from_secs(10)).is_err(), "every sender is gone");
    }
}
