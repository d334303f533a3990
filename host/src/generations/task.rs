//! The task that loads and swaps: one change after the other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use innkeeper_contract::kinds;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::change::Refusal;
use super::handle::{Asked, Generations};
use super::keeping_queue::Keeping;
use super::probation;
use super::served_plugin::ServedPlugin;
use super::shelf::Shelf;
use super::takeover::{Planned, Takeover, hand_over_all};
use super::view::PluginView;
use crate::adapter::Adapter;
use crate::config::{GenerationsConfig, Limits, LockFile, PluginConfig};
use crate::dispatch::{self, Dispatcher};
use crate::plugin::{self, HostServices, Loaded, Plugin, PluginError, Runner, WasmEngines};

/// Who asks at the start of the server.
pub(super) const BY_START: &str = "start";
/// Who asks where a file has changed.
pub(super) const BY_FILE: &str = "file";
/// Who asks where the configuration is read again.
const BY_SIGNAL: &str = "SIGHUP";
/// Who takes a generation back that does worse than the one before.
pub(super) const BY_PROBATION: &str = "probation";

/// How often it is looked whether the handlers of removed namespaces have ended.
const LOOK_AT_REMOVED: Duration = Duration::from_millis(20);

/// What the task works with.
pub(crate) struct Parts {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) adapter: Arc<Adapter>,
    pub(crate) services: Arc<HostServices>,
    pub(crate) engines: Arc<WasmEngines>,
    pub(crate) limits: Limits,
    pub(crate) settings: GenerationsConfig,
    /// The components that served, on disk.
    pub(crate) shelf: Arc<Shelf>,
    /// Whether what serves at the start is kept there, too.
    pub(crate) keeps_first: bool,
    /// The components that plugins may have, if they are pinned.
    pub(crate) lock: Option<LockFile>,
    /// What depends on the registrations, besides the registry.
    pub(crate) after_switch: Box<dyn Fn() + Send + Sync>,
}

/// The task.
pub(crate) struct GenerationsTask {
    pub(super) parts: Parts,
    /// In configured order.
    pub(super) plugins: Vec<ServedPlugin>,
    /// How many generations the plugins had that are in the configuration no more: one that comes back goes on counting.
    pub(super) counted: BTreeMap<String, u64>,
    asked: mpsc::Receiver<Asked>,
    views: Arc<ArcSwap<Vec<PluginView>>>,
    /// The tables of the registry that closed namespaces, and when their chains are forgotten.
    pub(super) closed: Vec<(Instant, u32)>,
    pub(super) keeping: Keeping,
    pub(super) looks: Interval,
}

impl GenerationsTask {
    /// A task for the plugins of the configuration, of which these serve already, and what asks it.
    pub(crate) fn new(
        parts: Parts,
        plugins: Vec<(Arc<Plugin>, Arc<PluginConfig>)>,
        mut loaded: Vec<Loaded>,
    ) -> (Self, Generations) {
        let served = |(plugin, config): (Arc<Plugin>, Arc<PluginConfig>)| {
            let serving = loaded.iter().position(|loaded| **loaded.version.name() == *config.name);
            ServedPlugin::new(plugin, config, serving.map(|index| loaded.swap_remove(index)))
        };
        let plugins = plugins.into_iter().map(served).collect();
        let (generations, asked) = Generations::new(parts.dispatcher.limit_hits.clone());
        let mut looks = tokio::time::interval(probation::INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let views = generations.views.clone();
        let task = Self {
            parts,
            plugins,
            counted: BTreeMap::new(),
            asked,
            views,
            closed: Vec::new(),
            keeping: Keeping::default(),
            looks,
        };
        task.publish();
        (task, generations)
    }

    /// Starts what serves, in configured order.
    pub(crate) async fn start(&mut self) {
        for index in 0..self.plugins.len() {
            let Some(serving) = self.plugins.get(index).and_then(|served| served.serving.as_ref()) else { continue };
            let runner = serving.loaded.runner.clone();
            runner.start(self.parts.dispatcher.effects.clone(), kinds::NEW).await;
            if let Some(served) = self.plugins.get_mut(index) {
                served.timers = run_timers(&self.parts.dispatcher, served);
            }
        }
    }

    /// Makes the changes that are asked for, until nobody can ask any more.
    pub(crate) async fn serve(mut self) {
        self.keep_first();
        loop {
            tokio::select! {
                asked = self.asked.recv() => {
                    let Some(asked) = asked else { return };
                    self.answer(asked).await;
                }
                (name, kept) = self.keeping.done() => self.kept(&name, kept),
                _ = self.looks.tick() => self.look().await,
            }
        }
    }

    async fn answer(&mut self, asked: Asked) {
        // Whoever asked may be gone.
        match asked {
            Asked::Change(change, answer) => {
                let done = self.change(change).await;
                self.publish();
                let _gone = answer.send(done);
            }
            Asked::Check { plugin, component, answer } => {
                let checked = self.check(plugin, component).await;
                let _gone = answer.send(checked);
            }
            Asked::Reload(reread, answer) => {
                let done = self.reload(*reread, BY_SIGNAL).await;
                self.publish();
                let _gone = answer.send(done);
            }
        }
    }

    /// A new generation of this version takes over, or it is an error, and nothing has changed.
    pub(super) async fn switch(&mut self, planned: Planned, by: &'static str) -> Result<(), Refusal> {
        let takeovers = self.prepare(vec![planned]).await?;
        self.commit(takeovers, None, by);
        Ok(())
    }

    /// Everything that can fail.
    pub(super) async fn prepare(&mut self, planned: Vec<Planned>) -> Result<Vec<Takeover>, Refusal> {
        let mut takeovers = Vec::new();
        for planned in planned {
            let serving = self.served(planned.index)?.serving.as_ref();
            let old = serving.map(|serving| serving.loaded.runner.clone());
            takeovers.push(Takeover::prepare(planned, old, &self.parts.dispatcher.effects).await?);
        }
        hand_over_all(&takeovers, self.parts.settings.swap_grace).await?;
        Ok(takeovers)
    }

    /// The new generations serve: one step. `names`: the plugins that the configuration has from now on, in its order.
    pub(super) fn commit(&mut self, takeovers: Vec<Takeover>, names: Option<&[&str]>, by: &'static str) {
        let (mut olds, mut news) = (Vec::new(), Vec::new());
        let probation = Some(self.parts.settings.probation).filter(|time| !time.is_zero() && by != BY_PROBATION);
        for Takeover { planned, old, new } in takeovers {
            let Some(served) = self.plugins.get_mut(planned.index) else { continue };
            match new {
                Some(new) => {
                    tracing::info!(plugin = &*new.label(), by, digest = new.version.digest(), "plugin serves");
                    news.push((new.runner.clone(), if old.is_some() { kinds::SWAPPED } else { kinds::NEW }));
                    served.serve(new, probation);
                    if served.timers.is_none() {
                        served.timers = run_timers(&self.parts.dispatcher, served);
                    }
                }
                None => {
                    tracing::info!(plugin = served.name(), by, "plugin unloaded");
                    served.unload();
                }
            }
            olds.extend(old);
        }
        if let Some(names) = names {
            let place = |served: &ServedPlugin| names.iter().position(|name| *name == served.name());
            let gone = self.plugins.iter().filter(|served| place(served).is_none());
            self.counted.extend(gone.map(|served| (served.name().to_owned(), served.plugin.generations())));
            self.plugins.retain(|served| place(served).is_some());
            self.plugins.sort_by_key(place);
        }
        self.replace_registry(olds);
        for (new, kind) in news {
            // It may take as long as a call.
            tokio::spawn(new.start(self.parts.dispatcher.effects.clone(), kind));
        }
    }

    /// The registry has what serves now.
    fn replace_registry(&mut self, olds: Vec<Arc<dyn Runner>>) {
        let before = self.parts.dispatcher.registry.plugins();
        let serving = self.plugins.iter().filter_map(|served| served.serving.as_ref());
        let plugins: Vec<_> = serving
            .map(|serving| (serving.loaded.runner.clone(), serving.loaded.version.registration().namespaces.clone()))
            .collect();
        let registry = &self.parts.dispatcher.registry;
        let replaced = registry.replace(&plugins);
        self.parts.adapter.set_fixed(&registry.namespaces());
        (self.parts.after_switch)();
        if !replaced.gone.is_empty() {
            tracing::info!(namespaces = ?replaced.gone, "namespaces are gone; their sockets are disconnected");
        }
        // Also those of patterns. What a `disconnect` handler of them may take is in the time after which they are forgotten.
        let calls = before.iter().map(|runner| runner.call_limit()).max().unwrap_or_default();
        self.closed.push((Instant::now() + 3 * calls, replaced.table));
        // What comes to the old ones from now on, and what waits there, goes to the new ones.
        let (dispatcher, adapter) = (self.parts.dispatcher.clone(), self.parts.adapter.clone());
        if !dispatch::has_removed(&dispatcher, &adapter) {
            olds.iter().for_each(|old| old.forward(dispatcher.registry.clone()));
            return;
        }
        olds.iter().for_each(|old| old.forward_most(dispatcher.registry.clone()));
        // Ends when the last handler of their sockets has, or could have.
        tokio::spawn(async move {
            dispatch::disconnect_removed(&dispatcher, &adapter).await;
            let until = Instant::now() + 2 * calls;
            while dispatch::has_removed(&dispatcher, &adapter) && Instant::now() < until {
                tokio::time::sleep(LOOK_AT_REMOVED).await;
            }
            olds.iter().for_each(|old| old.forward(dispatcher.registry.clone()));
        });
    }

    pub(super) fn served(&mut self, index: usize) -> Result<&mut ServedPlugin, Refusal> {
        self.plugins.get_mut(index).ok_or(Refusal::Busy)
    }

    pub(super) fn publish(&self) {
        self.views.store(Arc::new(self.plugins.iter().map(ServedPlugin::view).collect()));
    }
}

/// Runs the timers of a plugin from now on. Ends with the plugin, or with the runtime.
fn run_timers(dispatcher: &Arc<Dispatcher>, served: &ServedPlugin) -> Option<AbortHandle> {
    let runner = &served.serving.as_ref()?.loaded.runner;
    let timers = runner.timers()?.clone();
    let events = runner.server_events().cloned();
    Some(tokio::spawn(dispatch::run_timers(dispatcher.clone(), runner.name().clone(), timers, events)).abort_handle())
}

/// All problems, in one sentence.
pub(super) fn told(problems: &[PluginError]) -> String {
    problems.iter().map(|PluginError { problem, .. }| problem.to_string()).collect::<Vec<_>>().join("; ")
}

/// The component's file, as it is now.
pub(super) async fn read(file: PathBuf, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    plugin::read_component(file, bytes_max).await.map_err(|problem| Refusal::Refused(problem.to_string()))
}
