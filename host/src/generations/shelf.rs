//! The components that served, on disk: the last of each plugin, so that one can take over again, also after a restart.
//!
//! A component's file has its digest as the name and is checked against it when it is read; a plugin's list says which it had. In a
//! folder that only this user can write to:
//!
//! ```text
//! components/<SHA-256>.wasm
//! <plugin>.json              the last first
//! ```
//!
//! Files are written whole and then given their names, and whoever changes something holds the file `lock`: several servers may have
//! one folder. What serves never depends on all this. A folder that cannot be used is an error of the call, nothing more; and as every
//! call looks anew, it can be repaired while the server runs.
//!
//! All functions wait for the disk.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::fixed_limits::{KEPT_COMPONENT_BYTES_MAX, KEPT_LIST_BYTES_MAX};
use crate::plugin;
use crate::whole_file::{self, PRIVATE, UNFINISHED};

/// The folder of the components.
const COMPONENTS: &str = "components";
/// Whoever changes something holds it.
const LOCK: &str = "lock";
/// Hexadecimal digits of a digest.
const DIGITS: usize = 64;
/// Letters of the SDK's name that are kept: the plugin says what it is.
const SDK_LETTERS: usize = 100;
/// How often another program that holds the lock is waited for, and how long each time. A change takes as long as writing a component.
const LOCK_TRIES: (u32, Duration) = (100, Duration::from_millis(20));

/// The components that served.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    /// Of each plugin.
    kept: usize,
}

/// A component that served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// SHA-256, in hexadecimal digits.
    pub(crate) digest: String,
    /// When it began to serve, in milliseconds since 1970 (UTC).
    pub(crate) when_ms: u64,
    /// Who asked for it.
    pub(crate) by: String,
    /// What made it.
    pub(crate) sdk: String,
}

/// Why a component is not kept, or not read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    #[error("{}: {source} (folder in [generations])", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("{}: another program has held the lock for seconds (folder in [generations])", path.display())]
    Locked { path: PathBuf },
    #[error("{name:?} cannot name a file")]
    Name { name: String },
    #[error("the component sha256:{digest} is not kept in {}", folder.display())]
    Absent { digest: String, folder: PathBuf },
    #[error("{} is not what its name says, and is not used: its digest is sha256:{digest}; remove it", path.display())]
    Damaged { path: PathBuf, digest: String },
}

impl Shelf {
    /// The folder is looked at when it is needed, and made when something is kept.
    pub(crate) fn open(folder: PathBuf, kept: usize) -> Self {
        Self { folder: std::path::absolute(&folder).unwrap_or(folder), kept: kept.max(1) }
    }

    /// So many components of each plugin are kept.
    pub(crate) fn kept_of_each(&self) -> usize {
        self.kept
    }

    /// Keeps a component that serves from now on, as the last one of its plugin. What is beyond the number that is kept is removed.
    pub(crate) fn keep(&self, plugin: &str, digest: &str, bytes: &[u8], sdk: &str, by: &str) -> Result<(), ShelfError> {
        let (list_file, component) = (self.list_file(plugin)?, self.component(digest)?);
        self.prepare()?;
        let _held = self.lock()?;
        // One that is damaged is replaced.
        if self.read(digest).is_err() {
            whole_file::write(&component, PRIVATE, bytes).map_err(|source| unusable(&component, source))?;
        }
        let mut list = read_list(&list_file).unwrap_or_else(|error| {
            tracing::warn!(plugin, "the list of the components that served is lost, and begun anew: {error}");
            Vec::new()
        });
        list.retain(|kept| kept.digest != digest);
        let when = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let kept = Kept {
            digest: digest.to_owned(),
            when_ms: u64::try_from(when.as_millis()).unwrap_or(u64::MAX),
            by: by.to_owned(),
            sdk: sdk.chars().take(SDK_LETTERS).collect(),
        };
        list.insert(0, kept);
        list.truncate(self.kept);
        let text = serde_json::to_vec_pretty(&list).map_err(|error| unusable(&list_file, error.into()))?;
        whole_file::write(&list_file, PRIVATE, &text).map_err(|source| unusable(&list_file, source))?;
        if let Err(error) = self.remove_unlisted() {
            tracing::warn!(folder = %self.folder.display(), "components that are no longer needed are not removed: {error}");
        }
        Ok(())
    }

    /// Keeps a component of a plugin no longer.
    pub(crate) fn forget(&self, plugin: &str, digest: &str) -> Result<(), ShelfError> {
        let list_file = self.list_file(plugin)?;
        self.prepare()?;
        let _held = self.lock()?;
        let mut list = read_list(&list_file).map_err(|source| unusable(&list_file, source))?;
        list.retain(|kept| kept.digest != digest);
        let text = serde_json::to_vec_pretty(&list).map_err(|error| unusable(&list_file, error.into()))?;
        whole_file::write(&list_file, PRIVATE, &text).map_err(|source| unusable(&list_file, source))?;
        self.remove_unlisted().map_err(|source| unusable(&self.folder, source))
    }

    /// The components of a plugin that can be read back, the last first.
    pub(crate) fn list(&self, plugin: &str) -> Vec<Kept> {
        let listed = self.list_file(plugin).and_then(|file| read_list(&file).map_err(|source| unusable(&file, source)));
        let mut list = listed.unwrap_or_else(|error| {
            tracing::warn!(plugin, "the components that served cannot be listed: {error}");
            Vec::new()
        });
        list.retain(|kept| self.component(&kept.digest).is_ok_and(|file| file.is_file()));
        list
    }

    /// Reads a component, if it is what it was.
    pub(crate) fn read(&self, digest: &str) -> Result<Vec<u8>, ShelfError> {
        let path = self.component(digest)?;
        let bytes = match read_private(&path, KEPT_COMPONENT_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ShelfError::Absent { digest: digest.to_owned(), folder: self.folder.clone() });
            }
            read => read.map_err(|source| unusable(&path, source))?,
        };
        let digest_of_bytes = plugin::digest(&bytes);
        if digest_of_bytes == digest { Ok(bytes) } else { Err(ShelfError::Damaged { path, digest: digest_of_bytes }) }
    }

    /// As [`Shelf::keep`], without a wait of the caller's thread. Returns what is kept of the plugin.
    pub(super) async fn keep_component(
        self: &Arc<Self>,
        plugin: &str,
        digest: &str,
        bytes: Arc<Vec<u8>>,
        sdk: &str,
        by: &'static str,
    ) -> Result<Vec<Kept>, String> {
        let (shelf, plugin, digest, sdk) = (self.clone(), plugin.to_owned(), digest.to_owned(), sdk.to_owned());
        blocking(move || shelf.keep(&plugin, &digest, &bytes, &sdk, by).map(|()| shelf.list(&plugin))).await
    }

    /// As [`Shelf::forget`], without a wait of the caller's thread. Returns what is kept of the plugin.
    pub(super) async fn forget_component(self: &Arc<Self>, plugin: &str, digest: &str) -> Result<Vec<Kept>, String> {
        let (shelf, plugin, digest) = (self.clone(), plugin.to_owned(), digest.to_owned());
        blocking(move || shelf.forget(&plugin, &digest).map(|()| shelf.list(&plugin))).await
    }

    /// As [`Shelf::read`], without a wait of the caller's thread.
    pub(super) async fn read_component(self: &Arc<Self>, digest: &str) -> Result<Vec<u8>, String> {
        let (shelf, digest) = (self.clone(), digest.to_owned());
        blocking(move || shelf.read(&digest)).await
    }

    fn list_file(&self, plugin: &str) -> Result<PathBuf, ShelfError> {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        match !plugin.is_empty() && plugin.chars().all(is_plain) {
            true => Ok(self.folder.join(format!("{plugin}.json"))),
            false => Err(ShelfError::Name { name: plugin.to_owned() }),
        }
    }

    fn component(&self, digest: &str) -> Result<PathBuf, ShelfError> {
        match is_digest(digest) {
            true => Ok(self.folder.join(COMPONENTS).join(format!("{digest}.wasm"))),
            false => Err(ShelfError::Name { name: digest.to_owned() }),
        }
    }

    /// Makes the folders, or checks those that are there.
    fn prepare(&self) -> Result<(), ShelfError> {
        let components = self.folder.join(COMPONENTS);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&components);
        made.map_err(|source| unusable(&components, source))?;
        // The folder itself may be a link that the operator has made.
        for (path, metadata) in [(&self.folder, fs::metadata(&self.folder)), (&components, fs::symlink_metadata(&components))] {
            let checked = metadata.and_then(|metadata| {
                if metadata.is_dir() { check_private(&metadata) } else { Err(io::Error::other("it is no folder")) }
            });
            checked.map_err(|source| unusable(path, source))?;
        }
        Ok(())
    }

    /// Waits until no other program changes something. The lock is given up when the file is closed.
    fn lock(&self) -> Result<File, ShelfError> {
        let path = self.folder.join(LOCK);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = opened.map_err(|source| unusable(&path, source))?;
        let (tries, wait) = LOCK_TRIES;
        for _ in 0..tries {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => thread::sleep(wait),
                Err(TryLockError::Error(source)) => return Err(unusable(&path, source)),
            }
        }
        Err(ShelfError::Locked { path })
    }

    /// Removes components that no list names, and what a server left unfinished. Files of others stay.
    fn remove_unlisted(&self) -> io::Result<()> {
        let mut listed = HashSet::new();
        for path in files_in(&self.folder)? {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => listed.extend(digests_of(&path)?),
                Some(UNFINISHED) => fs::remove_file(&path)?,
                _ => {}
            }
        }
        for path in files_in(&self.folder.join(COMPONENTS))? {
            let parts = (path.file_stem().and_then(|stem| stem.to_str()), path.extension().and_then(|end| end.to_str()));
            let is_unneeded = match parts {
                (Some(digest), Some("wasm")) => is_digest(digest) && !listed.contains(digest),
                (_, end) => end == Some(UNFINISHED),
            };
            if is_unneeded {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|letter| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter))
}

/// The files of a folder, without what is no file.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// A plugin's list; empty if there is none.
fn read_list(path: &Path) -> io::Result<Vec<Kept>> {
    let bytes = match read_private(path, KEPT_LIST_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let mut list: Vec<Kept> = serde_json::from_slice(&bytes).map_err(io::Error::from)?;
    // A digest becomes the name of a file.
    list.retain(|kept| is_digest(&kept.digest));
    Ok(list)
}

/// What a list names. One that is no list names nothing; one that cannot be read may name everything, and is an error.
fn digests_of(path: &Path) -> io::Result<Vec<String>> {
    match read_list(path) {
        Ok(list) => Ok(list.into_iter().map(|kept| kept.digest).collect()),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The content of a file that nobody else can have written.
fn read_private(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    check_private(&metadata)?;
    if metadata.len() > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {bytes_max} bytes")));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses what others may have written: what is kept there is executed.
fn check_private(metadata: &Metadata) -> io::Result<()> {
    if metadata.uid() != geteuid().as_raw() {
        return Err(io::Error::other(format!("it belongs to the user {}, and not to this one", metadata.uid())));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "others may write to it, and what is kept there is executed; take that right away (chmod go-w)",
        ));
    }
    Ok(())
}

fn unusable(path: &Path, source: io::Error) -> ShelfError {
    ShelfError::Unusable { path: path.to_owned(), source }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, ShelfError> + Send + 'static) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|lost| lost.to_string())?;
    done.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
