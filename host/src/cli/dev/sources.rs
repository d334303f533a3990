//! The sources of a plugin, and when they have changed.
//!
//! Events of the system, and a look every second, only say when to look: what counts is whether a file is new, gone, or has another
//! time or length. So neither an editor's own files nor what a build writes begins a build.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// How long nothing may happen before a build: editors write a file in several steps, and several files.
const QUIET: Duration = Duration::from_millis(40);
/// A longer flood of events does not hold up the look at the files.
const QUIET_TRIES: usize = 25;
const POLL: Duration = Duration::from_secs(1);
/// Folders and files of sources; what is more is not watched.
const ENTRIES: usize = 20_000;
/// Folders that hold no sources.
const NO_SOURCES: [&str; 2] = ["target", "node_modules"];

/// The files of a plugin, each as it was at the last look, and the folders that they are in.
#[derive(Debug, Default, PartialEq, Eq)]
struct Snapshot {
    files: BTreeMap<PathBuf, (u64, Option<SystemTime>)>,
    folders: BTreeSet<PathBuf>,
}

/// Watches the sources in some folders.
pub(super) struct Sources {
    folders: Vec<PathBuf>,
    seen: Snapshot,
    events: watch::Receiver<()>,
    /// Without one, nobody stops the poll from seeing the changes.
    _sender: watch::Sender<()>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Sources {
    /// What is different from now on is a change.
    pub(super) fn new(folders: &[PathBuf]) -> Self {
        let (sender, events) = watch::channel(());
        let happened = sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // What only reads a file is no reason to look. Of errors it is not known what they have cost.
            if event.map_or(true, |event| !event.kind.is_access()) {
                happened.send_replace(());
            }
        });
        let seen = Snapshot::of(folders);
        let mut sources =
            Self { folders: folders.to_owned(), seen, events, _sender: sender, watcher: watcher.ok(), watched: BTreeSet::new() };
        sources.watch();
        sources
    }

    /// Waits until a file is different, and all have stood still for a moment. Whether a `Cargo.toml` is among them.
    pub(super) async fn change(&mut self) -> bool {
        loop {
            if let Ok(Ok(())) = timeout(POLL, self.events.changed()).await {
                for _ in 0..QUIET_TRIES {
                    if timeout(QUIET, self.events.changed()).await.is_err() {
                        break;
                    }
                }
            }
            let folders = self.folders.clone();
            let Ok(now) = spawn_blocking(move || Snapshot::of(&folders)).await else {
                // The runtime ends.
                sleep(POLL).await;
                continue;
            };
            if now != self.seen {
                let is_manifest = now.differs_in(&self.seen, "Cargo.toml");
                let is_file = now.files != self.seen.files;
                self.seen = now;
                self.watch();
                if is_file {
                    return is_manifest;
                }
            }
        }
    }

    /// Watches the folders that are there now. Those that are gone have ended their watches.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        self.watched.retain(|folder| self.seen.folders.contains(folder));
        for folder in self.seen.folders.difference(&self.watched).cloned().collect::<Vec<_>>() {
            // One that the system does not watch is looked at every second.
            if watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                self.watched.insert(folder);
            }
        }
    }
}

impl Snapshot {
    fn of(folders: &[PathBuf]) -> Self {
        let mut snapshot = Self::default();
        let mut open = folders.to_owned();
        while let Some(folder) = open.pop() {
            let entries: Vec<_> = fs::read_dir(&folder).into_iter().flatten().flatten().collect();
            for path in entries.into_iter().map(|entry| entry.path()).filter(|path| path.file_name().is_some_and(is_source)) {
                // A link counts as what it leads to, but no folder is entered by one: it may lead back.
                let Ok(metadata) = fs::metadata(&path) else {
                    continue;
                };
                if metadata.is_dir() {
                    open.extend((!path.is_symlink()).then_some(path));
                } else {
                    snapshot.files.insert(path, (metadata.len(), metadata.modified().ok()));
                }
            }
            snapshot.folders.insert(folder);
            if snapshot.folders.len() + snapshot.files.len() > ENTRIES {
                break;
            }
        }
        snapshot
    }

    /// Whether a file of this name is new, gone or different.
    fn differs_in(&self, other: &Self, name: &str) -> bool {
        let named = |snapshot: &Self| -> Vec<_> {
            let files = snapshot.files.iter().filter(|(path, _)| path.ends_with(name));
            files.map(|(path, stamp)| (path.clone(), *stamp)).collect()
        };
        named(self) != named(other)
    }
}

/// Not what a build or an editor keeps for itself: `target`, `.git`, `.lib.rs.swp`, `lib.rs~`, `#lib.rs#`, vim's `4913`.
fn is_source(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let is_of_editor = name.starts_with(['.', '#'])
        || name.ends_with(['~', '#'])
        || [".swp", ".swx", ".tmp", ".bak", ".orig"].iter().any(|end| name.ends_with(end))
        || name == "4913"
        || name.contains("___jb_");
    !is_of_editor && !NO_SOURCES.contains(&&*name) && Path::new(&*name).file_name() != Some(OsStr::new("Cargo.lock"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::Sources;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("innkeeper-dev-{name}-{}", std::process::id()));
        let _from_before = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("src/parts")).unwrap();
        fs::create_dir_all(folder.join("target")).unwrap();
        fs::write(folder.join("src/lib.rs"), "one").unwrap();
        fs::write(folder.join("Cargo.toml"), "one").unwrap();
        folder
    }

    #[tokio::test]
    async fn a_changed_a_new_and_a_removed_source_are_changes() {
        let folder = folder("changes");
        let mut sources = Sources::new(std::slice::from_ref(&folder));
        let mut is_manifest = async |change: &dyn Fn()| {
            change();
            timeout(PATIENCE, sources.change()).await.unwrap()
        };
        assert!(!is_manifest(&|| fs::write(folder.join("src/lib.rs"), "a change").unwrap()).await);
        // As most editors save.
        let save = || {
            fs::write(folder.join("src/.lib.rs.new"), "another change").unwrap();
            fs::rename(folder.join("src/.lib.rs.new"), folder.join("src/lib.rs")).unwrap();
        };
        assert!(!is_manifest(&save).await);
        assert!(!is_manifest(&|| fs::write(folder.join("src/parts/new.rs"), "").unwrap()).await);
        let deep = || {
            fs::create_dir_all(folder.join("src/deep/deeper")).unwrap();
            fs::write(folder.join("src/deep/deeper/new.rs"), "").unwrap();
        };
        assert!(!is_manifest(&deep).await);
        assert!(!is_manifest(&|| fs::write(folder.join("src/deep/deeper/new.rs"), "more").unwrap()).await);
        assert!(!is_manifest(&|| fs::remove_dir_all(folder.join("src/deep")).unwrap()).await);
        assert!(is_manifest(&|| fs::write(folder.join("Cargo.toml"), "two").unwrap()).await);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn what_builds_and_editors_write_is_no_change() {
        let folder = folder("none");
        let mut sources = Sources::new(std::slice::from_ref(&folder));
        for name in
            ["target/x.wasm", ".git", "Cargo.lock", "src/.lib.rs.swp", "src/lib.rs~", "src/#lib.rs#", "src/4913", "src/x.tmp"]
        {
            fs::write(folder.join(name), "x").unwrap();
        }
        // Longer than the poll.
        assert!(timeout(super::POLL * 2, sources.change()).await.is_err());
        fs::write(folder.join("src/lib.rs"), "a change").unwrap();
        timeout(PATIENCE, sources.change()).await.unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
