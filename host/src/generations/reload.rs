//! The configuration is read again: what it changed of the plugins happens all at once, or not at all.

use std::fmt::Display;
use std::sync::Arc;

use super::change::{Refusal, Reread};
use super::served_plugin::ServedPlugin;
use super::takeover::Planned;
use super::task::{GenerationsTask, read, told};
use crate::auth::Keys;
use crate::config::{Config, PluginConfig};
use crate::plugin::{self, Candidate, Plugin, Version};

/// What is to serve as a plugin of the configuration.
enum Wanted {
    /// What does.
    Serving(Arc<Version>),
    /// Another component, or the same with another configuration.
    New(Box<Candidate>),
}

impl GenerationsTask {
    /// Makes the plugins those of this configuration. Also the components are read again.
    pub(super) async fn reload(&mut self, reread: Reread, by: &'static str) -> Result<(), Refusal> {
        let before = self.plugins.len();
        let done = self.take_over(reread, by).await;
        if done.is_err() {
            self.plugins.truncate(before);
        }
        done
    }

    async fn take_over(&mut self, Reread { config, keys }: Reread, by: &'static str) -> Result<(), Refusal> {
        let keys = Arc::new(keys);
        let (mut beside, mut candidates) = (Vec::new(), Vec::new());
        for configured in &config.plugins {
            let index = self.place_of(configured);
            match self.wanted(index, configured, &config, &keys).await {
                Ok(Wanted::Serving(version)) => beside.push(version),
                Ok(Wanted::New(candidate)) => candidates.push(*candidate),
                Err(refusal) if self.can_do_without(configured) => leave_out(&configured.name, &refusal),
                Err(refusal) => return Err(Refusal::Refused(format!("plugin {:?}: {refusal}", configured.name))),
            }
        }
        let (mut versions, problems) = self.registered(candidates, beside, keys.clone()).await?;
        let is_optional = |name: &str| config.plugins.iter().any(|plugin| plugin.name == name && self.can_do_without(plugin));
        let (left_out, fatal): (Vec<_>, Vec<_>) = problems.into_iter().partition(|error| is_optional(&error.plugin));
        if !fatal.is_empty() {
            return Err(Refusal::Refused(fatal.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
        }
        left_out.iter().for_each(|error| leave_out(&error.plugin, &error.problem));
        versions.retain(|version| left_out.iter().all(|error| error.plugin != **version.name()));
        let place = |name: &str| self.plugins.iter().position(|served| served.name() == name);
        let of =
            |version: Arc<Version>| Some(Planned { index: place(version.name())?, version: Some(version), takes_state: true });
        let mut planned: Vec<_> = versions.into_iter().filter_map(of).collect();
        let is_gone =
            |served: &ServedPlugin| served.serving.is_some() && !config.plugins.iter().any(|plugin| plugin.name == served.name());
        let gone = self.plugins.iter().enumerate().filter(|(_, served)| is_gone(served));
        planned.extend(gone.map(|(index, _)| Planned { index, version: None, takes_state: false }));
        let takeovers = self.prepare(planned).await?;
        self.parts.limits = config.limits.clone();
        self.parts.lock = config.lock.clone();
        self.parts.settings = config.generations.clone();
        self.parts.services.keys.store(keys);
        let names: Vec<_> = config.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        self.commit(takeovers, Some(&names), by);
        (0..self.plugins.len()).for_each(|index| self.keep(index, by));
        Ok(())
    }

    /// What is to serve as this plugin.
    async fn wanted(&mut self, index: usize, configured: &PluginConfig, config: &Config, keys: &Keys) -> Result<Wanted, Refusal> {
        let served = self.served(index)?;
        let bytes = Arc::new(read(configured.component.clone(), config.limits.component_bytes_max).await?);
        let candidate = Candidate::new(served.plugin.clone(), Arc::new(configured.clone()), &config.limits);
        let serving = served.serving.as_ref().map(|serving| &serving.loaded.version);
        let digest = plugin::digest_of(&bytes).await;
        if let Some(lock) = &config.lock {
            lock.allows(&configured.name, &digest).map_err(Refusal::Refused)?;
        }
        // Of what was taken back nothing is loaded, also where nobody has replaced the file.
        let was_taken_back = served.taken_back.as_ref() == Some(&digest);
        match serving {
            Some(version) if version.is_of(&candidate) && (version.digest() == digest || was_taken_back) => {
                let missing = version.missing_keys(keys);
                if missing.is_empty() { Ok(Wanted::Serving(version.clone())) } else { Err(Refusal::Refused(told(&missing))) }
            }
            _ if was_taken_back => Err(Refusal::Refused(format!(
                "the component in its file (sha256:{digest}) was taken back in its probation; put another one there"
            ))),
            _ => Ok(Wanted::New(Box::new(candidate.with_component(bytes)))),
        }
    }

    /// Whether the server goes on without this plugin if it does not load, as it would start without it. One that serves is no plugin to
    /// be lost by a mistake.
    fn can_do_without(&self, configured: &PluginConfig) -> bool {
        let serves = self.plugins.iter().any(|served| served.name() == configured.name && served.serving.is_some());
        !configured.required && !serves
    }

    /// The place of a plugin; it gets one if it is new.
    fn place_of(&mut self, configured: &PluginConfig) -> usize {
        if let Some(index) = self.plugins.iter().position(|served| served.name() == configured.name) {
            return index;
        }
        let (engines, services) = (self.parts.engines.clone(), self.parts.services.clone());
        let plugin = Plugin::new(&configured.name, &self.parts.limits, engines, services);
        plugin.number_after(self.counted.get(&configured.name).copied().unwrap_or_default());
        self.plugins.push(ServedPlugin::new(Arc::new(plugin), Arc::new(configured.clone()), None));
        self.plugins.len() - 1
    }
}

fn leave_out(plugin: &str, problem: &dyn Display) {
    tracing::error!(plugin, "the plugin is not loaded, and the server goes on without it (required = false): {problem}");
}
