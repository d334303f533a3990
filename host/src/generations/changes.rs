//! The changes of one plugin: each is made whole, or refused with the reason.

use std::sync::Arc;

use super::change::{Change, NewComponent, Refusal, What};
use super::differences::Differences;
use super::takeover::Planned;
use super::task::{BY_FILE, GenerationsTask, read, told};
use super::view::PluginView;
use crate::auth::Keys;
use crate::plugin::{self, Candidate, Plugin, PluginError, Version};

impl GenerationsTask {
    pub(super) async fn change(&mut self, change: Change) -> Result<PluginView, Refusal> {
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
        let served = self.served(index)?;
        if served.is_paused && by == BY_FILE {
            return Err(Refusal::Conflict("it is paused; `innkeeper plugin resume` ends that".into()));
        }
        let Some(serving) = &served.serving else {
            return Err(Refusal::Conflict("it is not loaded; `innkeeper plugin load` loads it".into()));
        };
        let serves = serving.loaded.version.digest().to_owned();
        let bytes = self.bytes_of(index, component).await?;
        let digest = plugin::digest_of(&bytes).await;
        let served = self.served(index)?;
        if !again && digest == serves {
            return Ok(());
        }
        if !again && served.taken_back.as_deref() == Some(&*digest) {
            return Err(Refusal::Conflict(format!(
                "this component (sha256:{digest}) was taken back in its probation; to have it all the same, swap with --again"
            )));
        }
        let (plugin, config) = (served.plugin.clone(), served.config.clone());
        self.allow(&config.name, &digest)?;
        let candidate = Candidate::new(plugin, config, &self.parts.limits).with_component(bytes);
        let version = self.register(index, candidate).await?;
        self.switch(Planned { index, version: Some(version), takes_state: true }, by).await?;
        self.keep(index, by);
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
            Some(version) => self.still_allowed(index, version).await?,
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
        let bytes = self.bytes_of(index, NewComponent::File).await?;
        self.allow(&config.name, &plugin::digest_of(&bytes).await)?;
        let plugin = Plugin::new(&config.name, &self.parts.limits, self.parts.engines.clone(), self.parts.services.clone());
        plugin.number_after(after);
        let plugin = Arc::new(plugin);
        let candidate = Candidate::new(plugin.clone(), config, &self.parts.limits).with_component(bytes);
        let version = self.register(index, candidate).await?;
        self.served(index)?.plugin = plugin;
        self.switch(Planned { index, version: Some(version), takes_state: false }, by).await?;
        self.keep(index, by);
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

    /// A version of a component that served, out of those that are kept on disk, or are about to be.
    async fn version_kept(&mut self, index: usize, digest: &str) -> Result<Arc<Version>, Refusal> {
        let served = self.served(index)?;
        let (plugin, config) = (served.plugin.clone(), served.config.clone());
        let bytes = match self.keeping.waiting_for_the_disk(digest) {
            Some(bytes) => bytes,
            None => Arc::new(self.parts.shelf.read_component(digest).await.map_err(Refusal::Conflict)?),
        };
        let candidate = Candidate::new(plugin, config, &self.parts.limits).with_component(bytes);
        let version = self.register(index, candidate).await?;
        // It is kept already.
        drop(version.take_bytes());
        Ok(version)
    }

    /// Finds out what would change if this component took over.
    pub(super) async fn check(&mut self, plugin: String, component: NewComponent) -> Result<Differences, Refusal> {
        let Some(index) = self.plugins.iter().position(|served| served.name() == plugin) else {
            return Err(Refusal::NoPlugin(plugin));
        };
        let bytes = self.bytes_of(index, component).await?;
        let digest = plugin::digest_of(&bytes).await;
        let served = self.served(index)?;
        let (plugin, config) = (served.plugin.clone(), served.config.clone());
        let candidate = Candidate::new(plugin, config.clone(), &self.parts.limits).with_component(bytes);
        let (beside, keys) = (self.beside(index), self.parts.services.keys.load_full());
        let (versions, problems) = self.registered(vec![candidate], beside, keys).await?;
        let mut told: Vec<_> = problems.iter().map(|error| error.problem.to_string()).collect();
        told.extend(self.allow(&config.name, &digest).err().map(|refusal| refusal.to_string()));
        let problem = (!told.is_empty()).then(|| told.join("; "));
        let serving = self.served(index)?.serving.as_ref().map(|serving| &*serving.loaded.version);
        Ok(match versions.first() {
            Some(version) => Differences::between(serving, version, problem),
            None => Differences::refused(&digest, problem.unwrap_or_default()),
        })
    }

    async fn bytes_of(&mut self, index: usize, component: NewComponent) -> Result<Arc<Vec<u8>>, Refusal> {
        let file = self.served(index)?.config.component.clone();
        Ok(Arc::new(match component {
            NewComponent::Bytes(bytes) => bytes,
            NewComponent::File => read(file, self.parts.limits.component_bytes_max).await?,
        }))
    }

    /// What serves of the other plugins.
    fn beside(&self, index: usize) -> Vec<Arc<Version>> {
        let others = self.plugins.iter().enumerate().filter(|(other, _)| *other != index);
        others.filter_map(|(_, served)| Some(served.serving.as_ref()?.loaded.version.clone())).collect()
    }

    /// A version that served, if it may serve again as things are now. Where the operator has changed since what the plugin may do,
    /// the component registers anew, with the configuration of today.
    async fn still_allowed(&mut self, index: usize, version: Arc<Version>) -> Result<Arc<Version>, Refusal> {
        if !version.is_allowed_by(&self.served(index)?.config) {
            return self.version_kept(index, version.digest()).await;
        }
        let keys = self.parts.services.keys.load_full();
        let missing = version.missing_keys(&keys);
        if !missing.is_empty() {
            return Err(Refusal::Refused(told(&missing)));
        }
        let together = self.beside(index).into_iter().chain([version.clone()]).collect();
        self.register_all(Vec::new(), together, keys).await?;
        Ok(version)
    }

    /// Registers a candidate, to serve beside the other plugins.
    async fn register(&mut self, index: usize, candidate: Candidate) -> Result<Arc<Version>, Refusal> {
        let (beside, keys) = (self.beside(index), self.parts.services.keys.load_full());
        let mut versions = self.register_all(vec![candidate], beside, keys).await?;
        versions.pop().ok_or_else(|| Refusal::Refused("it did not register".into()))
    }

    /// Registers candidates, all of them, or it is an error.
    pub(super) async fn register_all(
        &mut self,
        candidates: Vec<Candidate>,
        beside: Vec<Arc<Version>>,
        keys: Arc<Keys>,
    ) -> Result<Vec<Arc<Version>>, Refusal> {
        let (versions, problems) = self.registered(candidates, beside, keys).await?;
        if problems.is_empty() { Ok(versions) } else { Err(Refusal::Refused(told(&problems))) }
    }

    /// Registers candidates. That may take long: meanwhile the generations that are watched are looked at.
    pub(super) async fn registered(
        &mut self,
        candidates: Vec<Candidate>,
        beside: Vec<Arc<Version>>,
        keys: Arc<Keys>,
    ) -> Result<(Vec<Arc<Version>>, Vec<PluginError>), Refusal> {
        // Ends by itself: each step of it is bounded.
        let mut registering = tokio::spawn(async move { plugin::register(candidates, &beside, &keys).await });
        loop {
            tokio::select! {
                registered = &mut registering => return registered.map_err(|lost| Refusal::Refused(lost.to_string())),
                () = self.next_look() => self.look().await,
            }
        }
    }
}
