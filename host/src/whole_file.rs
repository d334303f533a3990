//! Files that are whole as soon as they have their name: whoever reads one, also after a loss of power, finds all of it or what was
//! there before.
//!
//! A file is written under a name of its own beside its place, and gets its name when it is on the disk. That name is random: two threads,
//! or two containers whose processes have the same number, may write the same file at once.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// Ends the name of a file that is being written. One that a process left behind can be removed.
pub(crate) const UNFINISHED: &str = "unfinished";
/// For files that this user alone reads.
pub(crate) const PRIVATE: u32 = 0o600;
/// For files that others may read, if the user's `umask` lets them.
pub(crate) const ORDINARY: u32 = 0o666;

/// Writes a file, or replaces the one that is there.
pub(crate) fn write(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    replace(path, mode, |file| file.write_all(bytes))
}

/// The same for a file whose content is not in memory.
pub(crate) fn replace(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    filled(path, mode, fill)?.persist(path)?;
    File::open(folder_of(path))?.sync_all()
}

/// Writes a file, if there is none.
pub(crate) fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    match filled(path, mode, |file| file.write_all(bytes))?.persist_noclobber(path) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        written => {
            written?;
            Ok(())
        }
    }
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file beside that of the path, which disappears unless it gets a name.
fn filled(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<NamedTempFile> {
    let mut unfinished = tempfile::Builder::new()
        .prefix(".innkeeper-")
        .suffix(&format!(".{UNFINISHED}"))
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(path))?;
    fill(unfinished.as_file_mut())?;
    unfinished.as_file().sync_all()?;
    Ok(unfinished)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::{fs, thread};

    use super::{ORDINARY, PRIVATE, replace, write, write_new};

    #[test]
    fn whoever_reads_a_file_that_threads_write_finds_all_of_one_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, ORDINARY, &[0; 100_000]).unwrap();
        thread::scope(|scope| {
            for of in 0..4 {
                let path = &path;
                scope.spawn(move || (0..50).for_each(|_| write(path, ORDINARY, &[of; 100_000]).unwrap()));
            }
            for _ in 0..200 {
                let read = fs::read(&path).unwrap();
                assert_eq!((read.len(), read.iter().all(|byte| *byte == read[0])), (100_000, true));
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_fails_leaves_the_file_as_it_was_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, PRIVATE, b"before").unwrap();
        replace(&path, PRIVATE, |_| Err(io::Error::other("the disk is full"))).unwrap_err();
        write_new(&path, PRIVATE, b"after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write_new(&folder.path().join("new"), PRIVATE, b"after").unwrap();
        assert_eq!(fs::read(folder.path().join("new")).unwrap(), b"after");
    }
}
