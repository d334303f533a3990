//! The components that serve are kept on disk. What serves does not depend on that, and no answer waits for it.
//!
//! One after the other, in the order in which they served: a disk that is slower than the swaps has no more to write than what would
//! be kept in the end.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::shelf::{Kept, Shelf};
use super::task::{BY_START, GenerationsTask, read};
use crate::plugin;

/// What is done on the disk for one plugin after the other.
#[derive(Default)]
pub(super) struct Keeping {
    /// At most one.
    running: JoinSet<(String, Result<Vec<Kept>, String>)>,
    waiting: VecDeque<Waiting>,
}

/// What waits for the disk.
struct Waiting {
    plugin: String,
    digest: String,
    work: Work,
}

enum Work {
    Keep { bytes: Arc<Vec<u8>>, sdk: String, by: &'static str },
    Forget,
}

impl Keeping {
    /// Of each plugin only so many components wait as are kept, the last ones.
    fn add(&mut self, shelf: &Arc<Shelf>, added: Waiting) {
        self.waiting.retain(|waiting| waiting.plugin != added.plugin || waiting.digest != added.digest);
        let is_other = |waiting: &Waiting| waiting.plugin == added.plugin && matches!(waiting.work, Work::Keep { .. });
        if matches!(added.work, Work::Keep { .. })
            && self.waiting.iter().filter(|waiting| is_other(waiting)).count() >= shelf.kept_of_each()
            && let Some(oldest) = self.waiting.iter().position(is_other)
        {
            self.waiting.remove(oldest);
        }
        self.waiting.push_back(added);
        self.start(shelf);
    }

    /// Begins with what has waited longest, if nothing runs.
    fn start(&mut self, shelf: &Arc<Shelf>) {
        if !self.running.is_empty() {
            return;
        }
        let Some(Waiting { plugin, digest, work }) = self.waiting.pop_front() else { return };
        let shelf = shelf.clone();
        self.running.spawn(async move {
            let done = match work {
                Work::Keep { bytes, sdk, by } => shelf.keep_component(&plugin, &digest, bytes, &sdk, by).await,
                Work::Forget => shelf.forget_component(&plugin, &digest).await,
            };
            (plugin, done)
        });
    }

    /// The plugin for which something is done, and what is kept of it then. Does not end while there is nothing to do.
    pub(super) async fn done(&mut self) -> (String, Result<Vec<Kept>, String>) {
        match self.running.join_next().await {
            Some(done) => done.unwrap_or_else(|lost| (String::new(), Err(lost.to_string()))),
            None => pending().await,
        }
    }
}

impl GenerationsTask {
    /// Keeps the component that serves.
    pub(super) fn keep(&mut self, index: usize, bytes: Arc<Vec<u8>>, by: &'static str) {
        let Some(served) = self.plugins.get(index) else { return };
        let Some(serving) = &served.serving else { return };
        let version = &serving.loaded.version;
        let work = Work::Keep { bytes, sdk: version.registration().sdk.clone(), by };
        let added = Waiting { plugin: served.name().to_owned(), digest: version.digest().to_owned(), work };
        self.keeping.add(&self.parts.shelf, added);
    }

    /// Something is kept, or is not.
    pub(super) fn kept(&mut self, name: &str, kept: Result<Vec<Kept>, String>) {
        match (self.plugins.iter_mut().find(|served| served.name() == name), kept) {
            (Some(served), Ok(kept)) => served.kept = kept,
            (_, Err(problem)) => {
                tracing::warn!(plugin = name, "the component is not kept for a rollback after a restart: {problem}");
            }
            (None, Ok(_)) => {}
        }
        self.publish();
        self.keeping.start(&self.parts.shelf);
    }

    /// What was taken back is not kept: nobody wants it back after a restart.
    pub(super) fn forget(&mut self, index: usize, digest: &str) {
        let Some(served) = self.plugins.get(index) else { return };
        let added = Waiting { plugin: served.name().to_owned(), digest: digest.to_owned(), work: Work::Forget };
        self.keeping.add(&self.parts.shelf, added);
    }

    /// Keeps the components that serve since the start, as far as their files still have them.
    pub(super) async fn keep_first(&mut self) {
        for index in 0..self.plugins.len() {
            let Some(served) = self.plugins.get(index) else { return };
            let Some(serving) = &served.serving else { continue };
            let digest = serving.loaded.version.digest().to_owned();
            let read = read(served.config.component.clone(), self.parts.limits.component_bytes_max).await;
            let Ok(bytes) = read.map(Arc::new) else { continue };
            if plugin::digest_of(&bytes).await == digest {
                self.keep(index, bytes, BY_START);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Keeping, Shelf, Waiting, Work};
    use crate::plugin;

    fn keep(bytes: &[u8]) -> Waiting {
        let work = Work::Keep { bytes: Arc::new(bytes.to_vec()), sdk: "test".into(), by: "admin" };
        Waiting { plugin: "chat".into(), digest: plugin::digest(bytes), work }
    }

    #[tokio::test]
    async fn of_a_storm_of_swaps_the_last_ones_are_kept_in_their_order_and_no_more_than_those_wait() {
        let folder = std::env::temp_dir().join(format!("innkeeper-keeping-{}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&folder);
        let shelf = Arc::new(Shelf::open(folder.clone(), 3));
        let mut keeping = Keeping::default();
        for number in 0..200_u8 {
            keeping.add(&shelf, keep(&[number]));
            assert!(keeping.waiting.len() <= 3 && keeping.running.len() == 1);
        }
        keeping.add(&shelf, Waiting { work: Work::Forget, ..keep(&[198]) });
        let mut kept = Vec::new();
        while !keeping.running.is_empty() {
            kept = keeping.done().await.1.unwrap();
            keeping.start(&shelf);
        }
        let digests: Vec<_> = kept.iter().map(|kept| kept.digest.clone()).collect();
        assert_eq!(digests, [199_u8, 197, 0].map(|number| plugin::digest(&[number])));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
