//! The task that loads and swaps: one change after the other.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use innkeeper_contract::kinds;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::change::{Change, NewComponent, Refusal, What};
use super::handle::{Asked, Generations};
use super::probation;
use super::served_plugin::{Looked, ServedPlugin};
use super::shelf::Shelf;
use super::takeover::{Planned, Takeover, hand_over_all};
use super::view::PluginView;
use crate::adapter::Adapter;
use crate::config::{GenerationsConfig, Limits, LockFile, PluginConfig};
use crate::dispatch::{self, Dispatcher};
use crate::plugin::{self, Candidate, HostServices, Loaded, Plugin, PluginError, Version, WasmEngines};

/// Who asks at the start of the server.
const BY_START: &str = "start";
/// Who asks where a file has changed.
const BY_FILE: &str = "file";
/// Who asks where the configuration is read again.
const BY_SIGNAL: &str = "SIGHUP";

/// Who takes a generation back that does worse than the one before.
const BY_PROBATION: &str = "probation";

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
    asked: mpsc::Receiver<Asked>,
    views: Arc<ArcSwap<Vec<PluginView>>>,
    /// The tables of the registry that closed namespaces, and when their chains are forgotten.
    closed: Vec<(Instant, u32)>,
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
        let task = Self { parts, plugins, asked, views: generations.views.clone(), closed: Vec::new() };
        task.publish();
        (task, generations)
    }

    /// Starts what serves, in configured order, and makes the changes that are asked for, until nobody can ask any more.
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
        if self.parts.keeps_first {
            self.keep_first().await;
        }
        let mut looks = tokio::time::interval(probation::INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                asked = self.asked.recv() => {
                    let Some(asked) = asked else { return };
                    self.answer(asked).await;
                }
                _ = looks.tick() => {
                    self.forget_closed();
                    self.look_at_probations().await;
                }
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
            Asked::Reload(reread, answer) => {
                let done = self.reload(*reread, BY_SIGNAL).await;
                self.publish();
                let _gone = answer.send(done);
            }
        }
    }

    async fn change(&mut self, change: Change) -> Result<PluginView, Refusal> {
        let Change { plugin, what, by } = change;
        let Some(index) = self.plugins.iter().position(|served| served.name() == plugin) else {
            return Err(Refusal::NoPlugin(plugin));
        };
        let done = match what {
            What::Swap { component, again } => self.swap(index, component, again, by).await,
            What::Rollback { to } => self.rollback(index, to.as_deref(), by).await,
            What::Load => self.load(index, by).await,
            What::Unload => self.unload(index, by).await,
            What::Pause => self.pause(index, true),
            What::Resume => self.pause(index, false),
        };
        let Some(served) = self.plugins.get_mut(index) else { return Err(Refusal::NoPlugin(plugin)) };
        match done {
            Ok(()) => Ok(served.view()),
            Err(refusal) => {
                if by != BY_FILE {
                    tracing::warn!(plugin, by, "the plugin is not changed: {refusal}");
                }
                served.last_problem = Some(refusal.to_string());
                Err(refusal)
            }
        }
    }

    async fn swap(&mut self, index: usize, component: NewComponent, again: bool, by: &'static str) -> Result<(), Refusal> {
        let bytes_max = self.parts.limits.component_bytes_max;
        let served = self.served(index)?;
        if served.is_paused && by == BY_FILE {
            return Err(Refusal::Conflict("it is paused; `innkeeper plugin resume` ends that".into()));
        }
        let Some(serving) = &served.serving else {
            return Err(Refusal::Conflict("it is not loaded; `innkeeper plugin load` loads it".into()));
        };
        let bytes = Arc::new(match component {
            NewComponent::Bytes(bytes) => bytes,
            NewComponent::File => read(served.config.component.clone(), bytes_max).await?,
        });
        let digest = plugin::digest(&bytes);
        if !again && digest == serving.loaded.version.digest() {
            return Ok(());
        }
        if !again && served.taken_back.as_deref() == Some(&*digest) {
            return Err(Refusal::Conflict(format!(
                "this component (sha256:{digest}) was taken back in its probation; to have it all the same, swap with --again"
            )));
        }
        let (plugin, config) = (served.plugin.clone(), served.config.clone());
        self.allow(&config.name, &digest)?;
        let candidate = Candidate::new(plugin, config, &self.parts.limits).with_component(bytes.clone());
        let version = self.register(index, candidate).await?;
        self.switch(Planned { index, version: Some(version), takes_state: true }, by).await?;
        self.keep(index, bytes, by).await;
        self.served(index)?.taken_back = None;
        Ok(())
    }

    async fn rollback(&mut self, index: usize, to: Option<&str>, by: &'static str) -> Result<(), Refusal> {
        let served = self.served(index)?;
        let digest = served.digest_of_previous(to).ok_or_else(|| {
            Refusal::Conflict(match to {
                None => "no generation served before this one".into(),
                Some(to) => {
                    format!("no component that served has a digest that begins with {to:?}; `innkeeper plugin show` lists them")
                }
            })
        })?;
        let (name, ready) = (served.config.name.clone(), served.version_of_previous(&digest));
        self.allow(&name, &digest)?;
        let version = match ready {
            Some(version) => version,
            None => self.version_kept(index, &digest).await?,
        };
        let takes_state = version.registration().keeps_rollback_state;
        self.switch(Planned { index, version: Some(version), takes_state }, by).await?;
        self.served(index)?.forget_previous_from(&digest);
        Ok(())
    }

    async fn load(&mut self, index: usize, by: &'static str) -> Result<(), Refusal> {
        let served = self.served(index)?;
        if served.serving.is_some() {
            return Err(Refusal::Conflict("it is loaded already; `innkeeper plugin swap` has it read its file again".into()));
        }
        let (config, after) = (served.config.clone(), served.plugin.generations());
        let bytes = Arc::new(read(config.component.clone(), self.parts.limits.component_bytes_max).await?);
        self.allow(&config.name, &plugin::digest(&bytes))?;
        let plugin = Plugin::new(&config.name, &self.parts.limits, self.parts.engines.clone(), self.parts.services.clone());
        plugin.number_after(after);
        let plugin = Arc::new(plugin);
        let candidate = Candidate::new(plugin.clone(), config, &self.parts.limits).with_component(bytes.clone());
        let version = self.register(index, candidate).await?;
        self.served(index)?.plugin = plugin;
        self.switch(Planned { index, version: Some(version), takes_state: false }, by).await?;
        self.keep(index, bytes, by).await;
        Ok(())
    }

    async fn unload(&mut self, index: usize, by: &'static str) -> Result<(), Refusal> {
        if self.served(index)?.serving.is_none() {
            return Err(Refusal::Conflict("it is not loaded".into()));
        }
        self.switch(Planned { index, version: None, takes_state: false }, by).await
    }

    /// Whether the lock file has this component, if there is one.
    pub(super) fn allow(&self, plugin: &str, digest: &str) -> Result<(), Refusal> {
        self.parts.lock.as_ref().map_or(Ok(()), |lock| lock.allows(plugin, digest)).map_err(Refusal::Refused)
    }

    fn pause(&mut self, index: usize, is_paused: bool) -> Result<(), Refusal> {
        self.served(index)?.is_paused = is_paused;
        Ok(())
    }

    /// A version of a component that served, out of those that are kept on disk.
    async fn version_kept(&mut self, index: usize, digest: &str) -> Result<Arc<Version>, Refusal> {
        let served = self.served(index)?;
        let (plugin, config) = (served.plugin.clone(), served.config.clone());
        let bytes = self.parts.shelf.read_component(digest).await.map_err(Refusal::Conflict)?;
        let candidate = Candidate::new(plugin, config, &self.parts.limits).with_component(Arc::new(bytes));
        self.register(index, candidate).await
    }

    /// Keeps the component that serves on disk. What serves does not depend on it.
    pub(super) async fn keep(&mut self, index: usize, bytes: Arc<Vec<u8>>, by: &'static str) {
        let Some(served) = self.plugins.get_mut(index) else { return };
        let Some(serving) = &served.serving else { return };
        let version = &serving.loaded.version;
        let kept = self.parts.shelf.keep_component(served.name(), version.digest(), bytes, &version.registration().sdk, by).await;
        match kept {
            Ok(kept) => served.kept = kept,
            Err(problem) => {
                tracing::warn!(plugin = served.name(), "the component is not kept for a rollback after a restart: {problem}")
            }
        }
    }

    /// Keeps the components that serve since the start, as far as their files still have them.
    async fn keep_first(&mut self) {
        for index in 0..self.plugins.len() {
            let Some(served) = self.plugins.get(index) else { return };
            let Some(serving) = &served.serving else { continue };
            let digest = serving.loaded.version.digest().to_owned();
            let read = read(served.config.component.clone(), self.parts.limits.component_bytes_max).await;
            if let Ok(bytes) = read
                && plugin::digest(&bytes) == digest
            {
                self.keep(index, Arc::new(bytes), BY_START).await;
            }
        }
        self.publish();
    }

    /// Registers a candidate, to serve beside the other plugins.
    async fn register(&mut self, index: usize, candidate: Candidate) -> Result<Arc<Version>, Refusal> {
        let others = self.plugins.iter().enumerate().filter(|(other, _)| *other != index);
        let beside: Vec<_> = others.filter_map(|(_, served)| Some(served.serving.as_ref()?.loaded.version.clone())).collect();
        let keys = self.parts.services.keys.load_full();
        let (mut versions, problems) = plugin::register(vec![candidate], &beside, &keys).await;
        if !problems.is_empty() {
            return Err(Refusal::Refused(told(&problems)));
        }
        versions.pop().ok_or_else(|| Refusal::Refused("it did not register".into()))
    }

    /// A new generation of this version takes over, or it is an error, and nothing has changed.
    async fn switch(&mut self, planned: Planned, by: &'static str) -> Result<(), Refusal> {
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
            self.plugins.retain(|served| place(served).is_some());
            self.plugins.sort_by_key(place);
        }
        self.replace_registry();
        // What comes to the old ones from now on, and what waits there, goes to the new ones.
        olds.iter().for_each(|old| old.forward(self.parts.dispatcher.registry.clone()));
        for (new, kind) in news {
            // It may take as long as a call.
            tokio::spawn(new.start(self.parts.dispatcher.effects.clone(), kind));
        }
    }

    /// The registry has what serves now.
    fn replace_registry(&mut self) {
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
        let (dispatcher, adapter) = (self.parts.dispatcher.clone(), self.parts.adapter.clone());
        // Ends when the last of them is disconnected.
        tokio::spawn(async move { dispatch::disconnect_removed(&dispatcher, &adapter).await });
    }

    /// Takes back what does worse than what served before, and ends the probations whose time is up.
    async fn look_at_probations(&mut self) {
        for index in 0..self.plugins.len() {
            let Some(served) = self.plugins.get_mut(index) else { return };
            match served.look_at_probation() {
                None => {}
                Some(Looked::Over) => {
                    served.end_probation();
                    self.publish();
                }
                Some(Looked::Worse(why)) => self.take_back(index, &why).await,
            }
        }
    }

    /// The generation that served before takes over again.
    async fn take_back(&mut self, index: usize, why: &str) {
        let Some(served) = self.plugins.get_mut(index) else { return };
        let (label, digest) = match &served.serving {
            Some(serving) => (serving.loaded.label(), serving.loaded.version.digest().to_owned()),
            None => return,
        };
        // Whatever comes of it, it is not looked at again.
        served.end_probation();
        if served.is_paused {
            tracing::warn!(plugin = &*label, "does worse than the generation before, and stays because it is paused: {why}");
            return;
        }
        tracing::error!(plugin = &*label, "does worse than the generation before, which takes over again: {why}");
        let told = match self.rollback(index, None, BY_PROBATION).await {
            Ok(()) => format!("{label} was taken back in its probation: {why}"),
            Err(refusal) => {
                tracing::error!(plugin = &*label, "cannot be taken back, and goes on: {refusal}");
                format!("{label} does worse than the generation before and could not be taken back: {refusal}")
            }
        };
        if let Some(served) = self.plugins.get_mut(index) {
            served.last_problem = Some(told);
            served.taken_back = Some(digest);
            served.rollbacks += 1;
        }
        self.publish();
    }

    /// Forgets the chains of namespaces that were closed long ago.
    fn forget_closed(&mut self) {
        let now = Instant::now();
        for (_, table) in self.closed.extract_if(.., |(at, _)| *at <= now) {
            self.parts.dispatcher.registry.forget_closed(table);
        }
    }

    fn served(&mut self, index: usize) -> Result<&mut ServedPlugin, Refusal> {
        self.plugins.get_mut(index).ok_or(Refusal::Busy)
    }

    fn publish(&self) {
        self.views.store(Arc::new(self.plugins.iter().map(ServedPlugin::view).collect()));
    }
}

/// Runs the timers of a plugin from now on. Ends with the plugin, or with the runtime.
fn run_timers(dispatcher: &Arc<Dispatcher>, served: &ServedPlugin) -> Option<AbortHandle> {
    let runner = &served.serving.as_ref()?.loaded.runner;
    let timers = runner.timers()?.clone();
    Some(tokio::spawn(dispatch::run_timers(dispatcher.clone(), runner.name().clone(), timers)).abort_handle())
}

/// All problems, in one sentence.
pub(super) fn told(problems: &[PluginError]) -> String {
    problems.iter().map(|PluginError { problem, .. }| problem.to_string()).collect::<Vec<_>>().join("; ")
}

/// The component's file, as it is now.
pub(super) async fn read(file: PathBuf, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    plugin::read_component(file, bytes_max).await.map_err(|problem| Refusal::Refused(problem.to_string()))
}
