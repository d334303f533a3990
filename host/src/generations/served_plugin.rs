//! One plugin of the configuration, with what serves of it and what served before.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::probation::{Probation, Verdict};
use super::shelf::Kept;
use super::view::{GenerationView, PluginView};
use crate::config::PluginConfig;
use crate::plugin::{Calls, Loaded, Plugin, Version};

/// Generations before the one that serves that are listed.
const PREVIOUS_SHOWN: usize = 10;

/// A plugin of the configuration.
pub(super) struct ServedPlugin {
    pub(super) plugin: Arc<Plugin>,
    pub(super) config: Arc<PluginConfig>,
    /// None while the plugin is not loaded.
    pub(super) serving: Option<Serving>,
    /// What served before, the last of them at the end.
    pub(super) previous: Vec<Previous>,
    /// The components that served and are on disk, the last first.
    pub(super) kept: Vec<Kept>,
    pub(super) is_paused: bool,
    /// The digest of what was taken back, and is not taken again unless somebody says so.
    pub(super) taken_back: Option<String>,
    pub(super) last_problem: Option<String>,
    /// How often a generation was taken back in its probation.
    pub(super) rollbacks: u64,
    probation: Option<Watched>,
    /// What served last and had proved itself. Only while what serves is watched.
    proven: Option<Proven>,
    /// Runs the plugin's timers.
    pub(super) timers: Option<AbortHandle>,
}

/// A generation that is watched.
struct Watched {
    probation: Probation,
    until: Instant,
}

/// A generation that was not taken back.
struct Proven {
    version: Arc<Version>,
    calls: Calls,
}

/// What a look at a generation has found.
pub(super) enum Looked {
    /// It does worse than the one before, in these words.
    Worse(String),
    /// Its time is up.
    Over,
}

/// The generation that serves.
pub(super) struct Serving {
    pub(super) loaded: Loaded,
    since_ms: u64,
}

/// A generation that served.
pub(super) struct Previous {
    pub(super) view: GenerationView,
    /// Only of the last one: it can take over again at once.
    pub(super) version: Option<Arc<Version>>,
}

impl ServedPlugin {
    pub(super) fn new(plugin: Arc<Plugin>, config: Arc<PluginConfig>, serving: Option<Loaded>) -> Self {
        Self {
            plugin,
            config,
            serving: serving.map(Serving::new),
            previous: Vec::new(),
            kept: Vec::new(),
            is_paused: false,
            taken_back: None,
            last_problem: None,
            rollbacks: 0,
            probation: None,
            proven: None,
            timers: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// This generation serves from now on. What did can be rolled back to.
    ///
    /// `probation`: how long it is watched, if another one served.
    pub(super) fn serve(&mut self, loaded: Loaded, probation: Option<Duration>) {
        if self.probation.take().is_none() {
            self.proven = self.serving.as_ref().and_then(|serving| {
                let calls = calls(&serving.loaded)?;
                Some(Proven { version: serving.loaded.version.clone(), calls })
            });
        }
        self.probation = probation.and_then(|time| {
            let probation = Probation::new(&self.proven.as_ref()?.calls, &calls(&loaded)?);
            Some(Watched { probation, until: Instant::now() + time })
        });
        self.config = loaded.version.config().clone();
        self.last_problem = None;
        if let Some(serving) = self.serving.replace(Serving::new(loaded)) {
            self.remember(&serving);
        }
    }

    /// The digest of what served before: of the last, or of the last whose digest begins like this.
    pub(super) fn digest_of_previous(&self, begin: Option<&str>) -> Option<String> {
        let digests = self.previous.iter().rev().map(|previous| &previous.view.digest);
        // Those on disk include what serves.
        let serving = self.serving.as_ref().map(|serving| serving.loaded.version.digest());
        let on_disk = self.kept.iter().map(|kept| &kept.digest).filter(|digest| Some(digest.as_str()) != serving);
        digests.chain(on_disk).find(|digest| begin.is_none_or(|begin| digest.starts_with(begin))).cloned()
    }

    /// The version of what served before, if it can take over at once.
    pub(super) fn version_of_previous(&self, digest: &str) -> Option<Arc<Version>> {
        self.previous.iter().rev().find(|previous| previous.view.digest == digest)?.version.clone()
    }

    /// What has this digest serves again: what served after it is not what served before.
    pub(super) fn forget_previous_from(&mut self, digest: &str) {
        match self.previous.iter().rposition(|previous| previous.view.digest == digest) {
            Some(index) => self.previous.truncate(index),
            None => self.previous.clear(),
        }
    }

    /// Looks at how the generation that serves does, if it is watched.
    pub(super) fn look_at_probation(&mut self) -> Option<Looked> {
        let watched = self.probation.as_mut()?;
        let calls = calls(&self.serving.as_ref()?.loaded)?;
        match watched.probation.look(&calls) {
            Verdict::Worse(why) => Some(Looked::Worse(why.to_string())),
            Verdict::GoOn => (Instant::now() >= watched.until).then_some(Looked::Over),
        }
    }

    /// The generation that serves has proved itself. Timers that it does not handle are dropped: until now the one before could have come
    /// back.
    pub(super) fn pass_probation(&mut self) {
        self.end_probation();
        let Some(serving) = &self.serving else { return };
        if !serving.loaded.version.registration().timer {
            let dropped = self.plugin.clear_timers();
            if dropped > 0 {
                tracing::warn!(
                    plugin = &*serving.loaded.label(),
                    dropped,
                    "timers are dropped, because this generation handles none"
                );
            }
        }
    }

    /// What serves is not watched any more. Returns what can take over again.
    pub(super) fn end_probation(&mut self) -> Option<Arc<Version>> {
        self.probation = None;
        self.proven.take().map(|proven| proven.version)
    }

    /// `plugin@generation` and the digest of what serves.
    pub(super) fn label_and_digest(&self) -> Option<(Arc<str>, String)> {
        let loaded = &self.serving.as_ref()?.loaded;
        Some((loaded.label(), loaded.version.digest().to_owned()))
    }

    /// The plugin does not serve any more, and its timers are gone.
    pub(super) fn unload(&mut self) {
        self.end_probation();
        if let Some(serving) = self.serving.take() {
            self.remember(&serving);
        }
        if let Some(timers) = self.timers.take() {
            timers.abort();
        }
        self.plugin.clear_timers();
    }

    /// What served can be rolled back to.
    fn remember(&mut self, serving: &Serving) {
        self.previous.iter_mut().for_each(|previous| previous.version = None);
        self.previous.push(Previous { view: serving.view(), version: Some(serving.loaded.version.clone()) });
        if self.previous.len() > PREVIOUS_SHOWN {
            self.previous.remove(0);
        }
    }

    pub(super) fn view(&self) -> PluginView {
        PluginView {
            name: self.config.name.clone(),
            status: match &self.serving {
                None => "unloaded",
                Some(_) if self.is_paused => "paused",
                Some(_) if self.probation.is_some() => "probation",
                Some(_) => "serving",
            },
            generation: self.serving.as_ref().map(Serving::view),
            kept: self.kept.clone(),
            rollbacks: self.rollbacks,
            previous: self.previous.iter().rev().map(|previous| previous.view.clone()).collect(),
            last_problem: self.last_problem.clone(),
        }
    }
}

/// The calls of a generation so far.
fn calls(loaded: &Loaded) -> Option<Calls> {
    Some(loaded.runner.figures()?.calls.calls())
}

impl Serving {
    fn new(loaded: Loaded) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { loaded, since_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
    }

    pub(super) fn view(&self) -> GenerationView {
        let version = &self.loaded.version;
        let registration = version.registration();
        GenerationView {
            number: self.loaded.number,
            digest: version.digest().to_owned(),
            mode: registration.mode.name(),
            sdk: registration.sdk.clone(),
            namespaces: registration.namespaces.iter().map(|namespace| namespace.name.to_string()).collect(),
            capabilities: registration.capabilities.entries(),
            since_ms: self.since_ms,
        }
    }
}
