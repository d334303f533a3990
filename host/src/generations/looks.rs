//! What the task looks at by itself: how new generations do, and what is over.

use tokio::time::Instant;

use super::served_plugin::Looked;
use super::takeover::Planned;
use super::task::{BY_PROBATION, GenerationsTask};

impl GenerationsTask {
    /// Ready when it is time for a look.
    pub(super) async fn next_look(&mut self) {
        self.looks.tick().await;
    }

    /// Takes back what does worse than what served before, ends the probations whose time is up, and forgets the chains of namespaces
    /// that were closed long ago.
    pub(super) async fn look(&mut self) {
        self.forget_closed();
        for index in 0..self.plugins.len() {
            let Some(served) = self.plugins.get_mut(index) else { return };
            match served.look_at_probation() {
                None => {}
                Some(Looked::Over) => {
                    served.pass_probation();
                    self.publish();
                }
                Some(Looked::Worse(why)) => self.take_back(index, &why).await,
            }
        }
    }

    /// What served before, and had proved itself, takes over again.
    async fn take_back(&mut self, index: usize, why: &str) {
        let Some(served) = self.plugins.get_mut(index) else { return };
        let Some((label, digest)) = served.label_and_digest() else { return };
        // Whatever comes of it, it is not looked at again.
        let Some(proven) = served.end_probation() else { return };
        if served.is_paused {
            tracing::warn!(plugin = &*label, "does worse than the generation before, and stays because it is paused: {why}");
            return;
        }
        tracing::error!(plugin = &*label, "does worse than the generation before, which takes over again: {why}");
        let takes_state = proven.registration().keeps_rollback_state;
        let before = proven.digest().to_owned();
        let told = match self.switch(Planned { index, version: Some(proven), takes_state }, BY_PROBATION).await {
            Ok(()) => format!("{label} was taken back in its probation: {why}"),
            Err(refusal) => {
                tracing::error!(plugin = &*label, "cannot be taken back, and goes on: {refusal}");
                format!("{label} does worse than the generation before and could not be taken back: {refusal}")
            }
        };
        if let Some(served) = self.plugins.get_mut(index) {
            served.forget_previous_from(&before);
            served.last_problem = Some(told);
            served.taken_back = Some(digest.clone());
            served.rollbacks += 1;
        }
        self.forget(index, &digest);
        self.publish();
    }

    fn forget_closed(&mut self) {
        let now = Instant::now();
        for (_, table) in self.closed.extract_if(.., |(at, _)| *at <= now) {
            self.parts.dispatcher.registry.forget_closed(table);
        }
    }
}
