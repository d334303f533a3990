//! The files that are open: a bounded number, of which the one that has stood still for longest makes room for the next.
//!
//! A file is open as long as its client takes it. Clients that request files and read nothing would keep all the others from theirs.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::fixed_limits::{FILE_STALL, OPEN_FILES_MAX};

/// Ends the connection on which a file is sent.
pub(crate) type CutConnection = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub(super) struct OpenFiles {
    /// Held for one look-up or change.
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: u64,
    files: HashMap<u64, OpenOne>,
}

struct OpenOne {
    /// When something of it was last read for its client.
    read_at: Instant,
    cut: CutConnection,
}

/// Counts a file among the open ones until it is dropped.
pub(super) struct FilePermit {
    open: Arc<OpenFiles>,
    number: u64,
}

/// A permit, if there is one, and whether another file had to make room for it.
pub(super) enum Acquired {
    Free(FilePermit),
    InPlaceOf(FilePermit),
    None,
}

impl OpenFiles {
    /// A permit for one more file; `cut` ends its connection.
    pub(super) fn acquire(self: &Arc<Self>, cut: CutConnection) -> Acquired {
        let now = Instant::now();
        let mut table = self.lock();
        let evicted = if table.files.len() < OPEN_FILES_MAX {
            None
        } else {
            let longest = table.files.iter().min_by_key(|(_, file)| file.read_at).map(|(number, file)| (*number, file.read_at));
            let Some((number, _)) = longest.filter(|(_, read_at)| now.duration_since(*read_at) >= FILE_STALL) else {
                return Acquired::None;
            };
            table.files.remove(&number)
        };
        table.last += 1;
        let number = table.last;
        table.files.insert(number, OpenOne { read_at: now, cut });
        drop(table);
        let permit = FilePermit { open: Arc::clone(self), number };
        match evicted {
            None => Acquired::Free(permit),
            Some(evicted) => {
                (evicted.cut)();
                Acquired::InPlaceOf(permit)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OpenFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} open files", self.lock().files.len())
    }
}

impl FilePermit {
    /// Something of the file is read now.
    pub(super) fn read(&self) {
        if let Some(file) = self.open.lock().files.get_mut(&self.number) {
            file.read_at = Instant::now();
        }
    }
}

impl Drop for FilePermit {
    fn drop(&mut self) {
        let closed = self.open.lock().files.remove(&self.number);
        drop(closed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_file_that_stands_still_for_longest_makes_room() {
        let (open, cuts) = (Arc::new(OpenFiles::default()), Arc::new(AtomicUsize::new(0)));
        let acquire = |number: usize| {
            let cuts = Arc::clone(&cuts);
            open.acquire(Box::new(move || cuts.store(number, SeqCst)))
        };
        let mut permits = Vec::new();
        for number in 1..=OPEN_FILES_MAX {
            let Acquired::Free(permit) = acquire(number) else { panic!("{number} is within the bound") };
            permits.push(permit);
        }
        assert!(matches!(acquire(0), Acquired::None), "none stands still yet");
        tokio::time::advance(FILE_STALL).await;
        permits.iter().enumerate().filter(|(index, _)| *index != 6).for_each(|(_, permit)| permit.read());
        let Acquired::InPlaceOf(permit) = acquire(0) else { panic!("the seventh stands still") };
        assert_eq!(cuts.load(SeqCst), 7);
        assert!(matches!(acquire(0), Acquired::None), "the others have just been read");
        permits.push(permit);
        drop(permits);
        assert_eq!(open.lock().files.len(), 0);
    }
}
