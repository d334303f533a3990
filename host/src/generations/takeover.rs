//! From one generation to the next: the new one is made, the old one stops and hands over what it has.
//!
//! Several plugins may change at once, all of them or none.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::change::Refusal;
use crate::effect::Effects;
use crate::plugin::{Loaded, Runner, Version};

/// What is to serve as one plugin of the configuration.
pub(super) struct Planned {
    /// The plugin's place among the plugins.
    pub(super) index: usize,
    /// None: the plugin is not to serve any more.
    pub(super) version: Option<Arc<Version>>,
    /// Whether the generation before hands over what it has.
    pub(super) takes_state: bool,
}

/// A generation that is made and does not serve yet, and the one that does.
pub(super) struct Takeover {
    pub(super) planned: Planned,
    pub(super) old: Option<Arc<dyn Runner>>,
    pub(super) new: Option<Loaded>,
}

impl Takeover {
    /// Makes the new generation. Nothing has changed where that is an error.
    pub(super) async fn prepare(
        planned: Planned,
        old: Option<Arc<dyn Runner>>,
        effects: &Arc<dyn Effects>,
    ) -> Result<Self, Refusal> {
        let new = match &planned.version {
            Some(version) => {
                let made = version.generation().await.map_err(|error| Refusal::Refused(error.to_string()))?;
                made.runner.clone().warm(effects.clone()).await.map_err(Refusal::Refused)?;
                Some(made)
            }
            None => None,
        };
        Ok(Self { planned, old, new })
    }

    /// Gives the new generation what the old one hands over.
    async fn hand_over(&self) -> Result<(), String> {
        let (Some(old), Some(new)) = (&self.old, &self.new) else { return Ok(()) };
        if !self.planned.takes_state {
            return Ok(());
        }
        for instance in 0..old.instances() {
            let snapshot = old.clone().snapshot(instance).await.map_err(|error| format!("`snapshot`: {error}"))?;
            let Some(snapshot) = snapshot else { continue };
            if instance >= new.runner.instances() {
                let plugin = &*new.label();
                tracing::warn!(plugin, instance, "what this instance has handed over is dropped: there are fewer instances now");
                continue;
            }
            new.runner.clone().restore(instance, snapshot).await.map_err(|error| format!("`restore`: {error}"))?;
        }
        Ok(())
    }
}

/// Stops the old generations, all at once, each for at most `grace`, and has them hand over what they have. Where that is an error all of
/// them have gone on.
pub(super) async fn hand_over_all(takeovers: &[Takeover], grace: Duration) -> Result<(), Refusal> {
    let olds = || takeovers.iter().filter_map(|takeover| takeover.old.as_ref());
    join_all(olds().map(|old| old.clone().stop(grace))).await;
    for takeover in takeovers {
        if let Err(why) = takeover.hand_over().await {
            olds().for_each(|old| old.go_on());
            let plugin = takeover.old.as_ref().map_or_else(Default::default, |old| old.name().clone());
            return Err(Refusal::Refused(format!("the generation of {plugin:?} that serves goes on: {why}")));
        }
    }
    Ok(())
}
