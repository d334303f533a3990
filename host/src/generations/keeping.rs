//! The components that serve are kept on disk. What serves does not depend on that, and no answer waits for it.

use super::keeping_queue::{Waiting, Work};
use super::shelf::Kept;
use super::task::{BY_START, GenerationsTask};

impl GenerationsTask {
    /// Keeps the component that serves, unless it has been kept already.
    pub(super) fn keep(&mut self, index: usize, by: &'static str) {
        let Some(served) = self.plugins.get(index) else { return };
        let Some(serving) = &served.serving else { return };
        let version = &serving.loaded.version;
        let Some(bytes) = version.take_bytes() else { return };
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

    /// Keeps the components that serve since the start, or lets go of them.
    pub(super) fn keep_first(&mut self) {
        if self.parts.keeps_first {
            (0..self.plugins.len()).for_each(|index| self.keep(index, BY_START));
        } else {
            let serving = self.plugins.iter().filter_map(|served| served.serving.as_ref());
            serving.for_each(|serving| drop(serving.loaded.version.take_bytes()));
        }
    }
}
