//! The system's events of the folders in which files are.
//!
//! Folders and not files are watched: a file is replaced by another of the same name, and behind a symbolic link that one is in a
//! folder of its own.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// A folder as the system knows it, so that one that was made anew is watched anew.
type Identity = (u64, u64);

/// Reports events in the folders of these files. A moment after each, and without any after a longer time, it finds out which those
/// folders are now.
pub(super) async fn follow(files: Vec<PathBuf>, events: watch::Sender<()>, gather: Duration, poll: Duration) {
    let mut happened = events.subscribe();
    let report = move |event: notify::Result<notify::Event>| {
        // An error may have cost events.
        if event.is_err() || event.is_ok_and(|event| is_change(event.kind)) {
            events.send_replace(());
        }
    };
    let mut folders = match notify::recommended_watcher(report) {
        Ok(watcher) => Folders { watcher, watched: HashMap::new(), is_refused: false },
        Err(error) => {
            tracing::info!("the system reports no changes of files, so component files are looked at every {poll:?}: {error}");
            return std::future::pending().await;
        }
    };
    loop {
        let files = files.clone();
        let Ok(wanted) = spawn_blocking(move || folders_of(&files)).await else {
            return std::future::pending().await;
        };
        folders.watch(wanted);
        if let Ok(Ok(())) = timeout(poll, happened.changed()).await {
            sleep(gather).await;
            happened.mark_unchanged();
        }
    }
}

/// Reading a file is an event, too, and would call for the next look.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// The folders that are watched.
struct Folders {
    watcher: RecommendedWatcher,
    watched: HashMap<PathBuf, Identity>,
    /// Whether the log says already that the system watches no more folders.
    is_refused: bool,
}

impl Folders {
    fn watch(&mut self, wanted: HashMap<PathBuf, Identity>) {
        let gone: Vec<_> = self.watched.iter().filter(|(path, identity)| wanted.get(*path) != Some(identity)).collect();
        let gone: Vec<PathBuf> = gone.into_iter().map(|(path, _)| path.clone()).collect();
        for path in gone {
            // With the folder its watch is gone as well.
            let _ended = self.watcher.unwatch(&path);
            self.watched.remove(&path);
        }
        for (path, identity) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            match self.watcher.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(path, identity)),
                Err(error) if !self.is_refused => {
                    self.is_refused = true;
                    tracing::info!(
                        folder = %path.display(),
                        "changes of component files in this folder are seen a little later: {error}"
                    );
                }
                Err(_) => {}
            }
        }
    }
}

/// The folder of each path, and of what its links lead to.
fn folders_of(files: &[PathBuf]) -> HashMap<PathBuf, Identity> {
    let mut folders = HashMap::new();
    for file in files {
        for path in std::path::absolute(file).into_iter().chain(file.canonicalize()) {
            let folder = path.parent().map(Path::to_owned);
            let known = folder.and_then(|folder| std::fs::metadata(&folder).ok().map(|there| (folder, there)));
            folders.extend(known.map(|(folder, there)| (folder, (there.dev(), there.ino()))));
        }
    }
    folders
}
