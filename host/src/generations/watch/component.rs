//! What is at the path of a component, and its content once it is whole.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tokio::task::spawn_blocking;

use crate::plugin;

/// What is at a path, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    File(Stamp),
    /// Why there is no file that could be read.
    Nothing(String),
}

/// What tells two contents of a path apart without reading them: the file itself, its length, and when content and entry were changed
/// last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why a file was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It changed meanwhile.
    Changed,
    /// What is there cannot be used. `may_pass`: that may end although nothing is different on the disk.
    Useless { why: String, may_pass: bool },
}

impl Found {
    /// Follows symbolic links: another target is another file.
    pub(super) async fn at(path: &Path) -> Self {
        match tokio::fs::metadata(path).await {
            Ok(metadata) => Self::of(&metadata),
            Err(error) => Self::Nothing(format!("cannot be read: {error}")),
        }
    }

    fn of(metadata: &Metadata) -> Self {
        match metadata {
            folder if folder.is_dir() => Self::Nothing("is a folder".to_owned()),
            file if file.is_file() => Self::File(Stamp {
                file: (file.dev(), file.ino()),
                length: file.len(),
                modified: (file.mtime(), file.mtime_nsec()),
                changed: (file.ctime(), file.ctime_nsec()),
            }),
            _ => Self::Nothing("is no file, but a device, a pipe or a socket".to_owned()),
        }
    }
}

/// The content of the file that was found there, if it is that of a whole component.
pub(super) async fn read(path: &Path, found: &Found, bytes_max: usize) -> Result<Vec<u8>, Unread> {
    let stamp = match found {
        Found::File(stamp) => stamp.clone(),
        Found::Nothing(why) => return Err(useless(why.clone())),
    };
    let path = path.to_owned();
    let read = spawn_blocking(move || read_now(&path, stamp, bytes_max)).await;
    // The runtime ends, or the read panicked: in both cases what is loaded stays.
    read.unwrap_or_else(|error| Err(passing(format!("cannot be read: {error}"))))
}

fn read_now(path: &Path, stamp: Stamp, bytes_max: usize) -> Result<Vec<u8>, Unread> {
    let unreadable = |error: io::Error| passing(format!("cannot be read: {error}"));
    let length = usize::try_from(stamp.length).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(useless(format!("has {length} bytes, and component_bytes_max in [limits] allows {bytes_max}")));
    }
    let expected = Found::File(stamp);
    // Without waiting: what has become a pipe since would wait for its other end.
    let mut file =
        File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path).map_err(unreadable)?;
    if Found::of(&file.metadata().map_err(unreadable)?) != expected {
        return Err(Unread::Changed);
    }
    let mut bytes = Vec::with_capacity(length);
    // Not beyond what was there: a file that grows while it is read is read again.
    let read = (&mut file).take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    let is_same = |metadata: io::Result<Metadata>| metadata.is_ok_and(|metadata| Found::of(&metadata) == expected);
    if bytes.len() != length || !is_same(file.metadata()) || !is_same(std::fs::metadata(path)) {
        return Err(Unread::Changed);
    }
    match plugin::incomplete(&bytes) {
        None => Ok(bytes),
        Some(why) => Err(useless(format!("is no whole component: {why}"))),
    }
}

fn useless(why: String) -> Unread {
    Unread::Useless { why, may_pass: false }
}

fn passing(why: String) -> Unread {
    Unread::Useless { why, may_pass: true }
}
