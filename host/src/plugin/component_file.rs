//! The file of a component: its bytes, bounded, and what an instance of it consists of.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::LoadProblem;
use super::parts::{ComponentParts, PartsError};

/// A component as its file has it. Nothing of it has been compiled.
pub(super) struct ComponentFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) parts: ComponentParts,
}

impl ComponentFile {
    /// Reads the file, and refuses what no toolchain makes.
    pub(super) fn read(path: &Path, bytes_max: usize) -> Result<Self, LoadProblem> {
        let path = path.to_owned();
        let bytes = match read_bounded(&path, bytes_max) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(LoadProblem::TooLarge { path, bytes_max }),
            Err(source) => return Err(LoadProblem::Read { path, source }),
        };
        if let Some(what) = no_component(&bytes) {
            return Err(LoadProblem::NotAComponent { path, what });
        }
        match ComponentParts::of(&bytes) {
            Ok(parts) => Ok(Self { path, bytes, parts }),
            Err(PartsError::Malformed(source)) => Err(LoadProblem::Invalid { path, source: source.into() }),
            Err(source) => Err(LoadProblem::Parts { path, source }),
        }
    }
}

/// The content of a file; none if it has more bytes.
fn read_bounded(path: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    // The open of a named pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= bytes_max).then_some(bytes))
}

fn no_component(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => None,
        [0, b'a', b's', b'm', ..] => Some("a core module, not a component"),
        _ => Some("not WebAssembly"),
    }
}
