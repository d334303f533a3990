//! The handle of the task that swaps plugins: asks for changes, and reads what serves.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::change::{Change, NewComponent, Refusal, Reread};
use super::differences::Differences;
use super::view::PluginView;
use crate::fixed_limits::CHANGES_WAITING_MAX;
use crate::limit_hits::{LimitHit, LimitHits};

/// Asks for changes, and reads what serves. Cloned for everybody who does.
#[derive(Clone)]
pub(crate) struct Generations {
    changes: mpsc::Sender<Asked>,
    /// What serves, as the task has published it.
    limit_hits: Arc<LimitHits>,
    pub(super) views: Arc<ArcSwap<Vec<PluginView>>>,
}

/// What somebody asks for, and where the answer goes.
pub(super) enum Asked {
    Change(Change, oneshot::Sender<Result<PluginView, Refusal>>),
    /// What would change if this component took over?
    Check {
        plugin: String,
        component: NewComponent,
        answer: oneshot::Sender<Result<Differences, Refusal>>,
    },
    /// The plugins are to be those of a configuration.
    Reload(Box<Reread>, oneshot::Sender<Result<(), Refusal>>),
}

impl Generations {
    /// The handle, and what the task takes from it.
    pub(super) fn new(limit_hits: Arc<LimitHits>) -> (Self, mpsc::Receiver<Asked>) {
        let (changes, asked) = mpsc::channel(CHANGES_WAITING_MAX);
        (Self { changes, limit_hits, views: Arc::default() }, asked)
    }

    /// Asks for a change and waits until it has happened, or was refused. It goes on if the future is dropped.
    pub(crate) async fn change(&self, change: Change) -> Result<PluginView, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.ask(Asked::Change(change, answer))?;
        answered.await.map_err(|_| Refusal::Busy)?
    }

    /// Makes the plugins those of a configuration that was read again: all of it, or nothing.
    pub(crate) async fn reload(&self, reread: Reread) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        self.ask(Asked::Reload(Box::new(reread), answer))?;
        answered.await.map_err(|_| Refusal::Busy)?
    }

    /// Finds out what would change if this component took over. Nothing does.
    pub(crate) async fn check(&self, plugin: String, component: NewComponent) -> Result<Differences, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.ask(Asked::Check { plugin, component, answer })?;
        answered.await.map_err(|_| Refusal::Busy)?
    }

    fn ask(&self, asked: Asked) -> Result<(), Refusal> {
        self.changes.try_send(asked).map_err(|error| {
            if let TrySendError::Full(_) = error {
                self.limit_hits.hit(LimitHit::ChangesWaiting);
            }
            Refusal::Busy
        })
    }

    /// The names of the plugins that do not serve.
    pub(crate) fn not_loaded(&self) -> Vec<String> {
        let unloaded = |plugin: &&PluginView| plugin.generation.is_none();
        self.list().iter().filter(unloaded).map(|plugin| plugin.name.clone()).collect()
    }

    /// The plugins of the configuration, in its order.
    pub(crate) fn list(&self) -> Arc<Vec<PluginView>> {
        self.views.load_full()
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, CHANGES_WAITING_MAX, Change, Generations, Refusal};
    use crate::generations::change::What;

    #[tokio::test]
    async fn so_many_changes_wait_and_one_more_is_refused() {
        let (generations, mut asked) = Generations::new(Default::default());
        let change = || Change { plugin: "chat".into(), what: What::Resume, by: "admin" };
        let waiting: Vec<_> = (0..CHANGES_WAITING_MAX)
            .map(|_| {
                let (generations, change) = (generations.clone(), change());
                tokio::spawn(async move { generations.change(change).await.map(drop) })
            })
            .collect();
        while asked.len() < CHANGES_WAITING_MAX {
            tokio::task::yield_now().await;
        }
        assert!(matches!(generations.change(change()).await, Err(Refusal::Busy)));
        assert_eq!(generations.limit_hits.counted()["CHANGES_WAITING_MAX"], 1);
        while let Ok(Asked::Change(_, answer)) = asked.try_recv() {
            answer.send(Err(Refusal::NoPlugin("chat".into()))).unwrap();
        }
        for answered in waiting {
            assert!(matches!(answered.await.unwrap(), Err(Refusal::NoPlugin(_))));
        }
    }
}
