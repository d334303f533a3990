//! The configuration is read again: what it changed of the plugins happens all at once, or not at all.

use std::sync::Arc;

use super::change::{Refusal, Reread};
use super::served_plugin::ServedPlugin;
use super::takeover::Planned;
use super::task::{GenerationsTask, read, told};
use crate::config::PluginConfig;
use crate::plugin::{self, Candidate, Plugin};

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
        let (mut candidates, mut beside, mut planned) = (Vec::new(), Vec::new(), Vec::new());
        let mut changed = Vec::new();
        for configured in &config.plugins {
            let index = self.place_of(configured);
            let Some(served) = self.plugins.get(index) else { continue };
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
                    let missing = version.missing_keys(&keys);
                    if !missing.is_empty() {
                        return Err(Refusal::Refused(format!("plugin {:?}: {}", configured.name, told(&missing))));
                    }
                    beside.push(version.clone());
                }
                _ if was_taken_back => {
                    return Err(Refusal::Refused(format!(
                        "plugin {:?}: the component in its file (sha256:{digest}) was taken back in its probation; put another one there",
                        configured.name
                    )));
                }
                _ => {
                    changed.push((configured.name.clone(), bytes.clone()));
                    candidates.push((index, candidate.with_component(bytes)));
                }
            }
        }
        let (indices, candidates): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
        let versions = self.register_all(candidates, beside, keys.clone()).await?;
        let of = |(index, version)| Planned { index, version: Some(version), takes_state: true };
        planned.extend(indices.into_iter().zip(versions).map(of));
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
        for (name, bytes) in changed {
            if let Some(index) = self.plugins.iter().position(|served| served.name() == name) {
                self.keep(index, bytes, by);
            }
        }
        Ok(())
    }

    /// The place of a plugin; it gets one if it is new.
    fn place_of(&mut self, configured: &PluginConfig) -> usize {
        if let Some(index) = self.plugins.iter().position(|served| served.name() == configured.name) {
            return index;
        }
        let (engines, services) = (self.parts.engines.clone(), self.parts.services.clone());
        let plugin = Plugin::new(&configured.name, &self.parts.limits, engines, services);
        self.plugins.push(ServedPlugin::new(Arc::new(plugin), Arc::new(configured.clone()), None));
        self.plugins.len() - 1
    }
}
