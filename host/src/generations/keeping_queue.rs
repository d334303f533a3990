//! What is to be kept on disk, one after the other, in the order in which it served: a disk that is slower than the swaps has no more to
//! write than what would be kept in the end.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::shelf::{Kept, Shelf};

/// What is done on the disk for one plugin after the other.
#[derive(Default)]
pub(super) struct Keeping {
    /// At most one.
    running: JoinSet<(String, Result<Vec<Kept>, String>)>,
    /// What it does.
    doing: Option<Waiting>,
    waiting: VecDeque<Waiting>,
}

/// What waits for the disk.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) plugin: String,
    pub(super) digest: String,
    pub(super) work: Work,
}

#[derive(Clone)]
pub(super) enum Work {
    Keep { bytes: Arc<Vec<u8>>, sdk: String, by: &'static str },
    Forget,
}

impl Keeping {
    /// Of each plugin only so many components wait as are kept, the last ones.
    pub(super) fn add(&mut self, shelf: &Arc<Shelf>, added: Waiting) {
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
    pub(super) fn start(&mut self, shelf: &Arc<Shelf>) {
        if !self.running.is_empty() {
            return;
        }
        self.doing = self.waiting.pop_front();
        let Some(Waiting { plugin, digest, work }) = self.doing.clone() else { return };
        let shelf = shelf.clone();
        self.running.spawn(async move {
            let done = match work {
                Work::Keep { bytes, sdk, by } => shelf.keep_component(&plugin, &digest, bytes, &sdk, by).await,
                Work::Forget => shelf.forget_component(&plugin, &digest).await,
            };
            (plugin, done)
        });
    }

    /// A component that is not on the disk yet.
    pub(super) fn waiting_for_the_disk(&self, of: &str) -> Option<Arc<Vec<u8>>> {
        let kept = |Waiting { digest, work, .. }: &Waiting| match work {
            Work::Keep { bytes, .. } if digest == of => Some(bytes.clone()),
            _ => None,
        };
        self.waiting.iter().chain(&self.doing).find_map(kept)
    }

    /// The plugin for which something is done, and what is kept of it then. Does not end while there is nothing to do.
    pub(super) async fn done(&mut self) -> (String, Result<Vec<Kept>, String>) {
        match self.running.join_next().await {
            Some(done) => done.unwrap_or_else(|lost| (String::new(), Err(lost.to_string()))),
            None => pending().await,
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
        let in_memory = (0..200_u8).filter(|number| keeping.waiting_for_the_disk(&plugin::digest(&[*number])).is_some());
        assert_eq!(in_memory.collect::<Vec<_>>(), [0, 197, 199], "the first is being written, one was forgotten");
        let mut kept = Vec::new();
        while !keeping.running.is_empty() {
            kept = keeping.done().await.1.unwrap();
            keeping.start(&shelf);
        }
        let digests: Vec<_> = kept.iter().map(|kept| kept.digest.clone()).collect();
        assert_eq!(digests, [199_u8, 197, 0].map(|number| plugin::digest(&[number])));
        assert!(keeping.doing.is_none(), "what is on the disk is not in memory");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
