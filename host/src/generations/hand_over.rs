//! From one generation to the next: the old one stops, hands over what it has, and the other serves.

use std::sync::Arc;
use std::time::Duration;

use crate::plugin::Runner;

/// Stops the old generation and gives the new one what it hands over. The error says why nothing comes of it: then the old one
/// has gone on.
pub(super) async fn hand_over(old: &Arc<dyn Runner>, new: &Arc<dyn Runner>, with: HandOver) -> Result<(), String> {
    old.clone().stop(with.grace).await;
    if !with.takes_state {
        return Ok(());
    }
    let handed_over = give_all(old, new).await;
    if handed_over.is_err() {
        old.go_on();
    }
    handed_over
}

/// How one generation takes over from another.
#[derive(Clone, Copy)]
pub(super) struct HandOver {
    /// How long open calls of the old one may go on.
    pub(super) grace: Duration,
    /// Whether what the old one has is given to the new one.
    pub(super) takes_state: bool,
}

async fn give_all(old: &Arc<dyn Runner>, new: &Arc<dyn Runner>) -> Result<(), String> {
    for instance in 0..old.instances() {
        let snapshot = old.clone().snapshot(instance).await.map_err(|error| format!("`snapshot`: {error}"))?;
        let Some(snapshot) = snapshot else { continue };
        if instance >= new.instances() {
            tracing::warn!(
                plugin = &**old.name(),
                instance,
                "what this instance handed over is dropped: there are fewer instances now"
            );
            continue;
        }
        new.clone().restore(instance, snapshot).await.map_err(|error| format!("`restore`: {error}"))?;
    }
    Ok(())
}
