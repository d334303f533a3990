//! The file of a component: its bytes, bounded, and what an instance of it consists of.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::blocking::blocking;
use super::error::LoadProblem;
use super::parts::{ComponentParts, PartsError};

/// A component as its file has it. Nothing of it has been compiled.
pub(super) struct ComponentFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) parts: ComponentParts,
    /// SHA-256 of the bytes, in hexadecimal digits.
    pub(super) digest: String,
}

impl ComponentFile {
    /// Reads the file, and refuses what no toolchain makes.
    pub(super) fn read(path: &Path, bytes_max: usize) -> Result<Self, LoadProblem> {
        let bytes = bounded(path, bytes_max)?;
        Self::of(path.to_owned(), Arc::new(bytes))
    }

    /// Such a file that has been read already.
    pub(super) fn of(path: PathBuf, bytes: Arc<Vec<u8>>) -> Result<Self, LoadProblem> {
        if let Some(what) = no_component(&bytes) {
            return Err(LoadProblem::NotAComponent { path, what });
        }
        match ComponentParts::of(&bytes) {
            Ok(parts) => Ok(Self { path, digest: digest(&bytes), bytes, parts }),
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

/// The bytes of such a file, which nobody has looked into.
pub(crate) async fn read_component(path: PathBuf, bytes_max: usize) -> Result<Vec<u8>, LoadProblem> {
    blocking(move || bounded(&path, bytes_max)).await?
}

fn bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, LoadProblem> {
    match read_bounded(path, bytes_max) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(LoadProblem::TooLarge { path: path.to_owned(), bytes_max }),
        Err(source) => Err(LoadProblem::Read { path: path.to_owned(), source }),
    }
}

/// SHA-256, in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// The same, on a thread where that may take its time.
pub(crate) async fn digest_of(bytes: &Arc<Vec<u8>>) -> String {
    let of = bytes.clone();
    blocking(move || digest(&of)).await.unwrap_or_else(|_| digest(bytes))
}

fn no_component(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => None,
        [0, b'a', b's', b'm', ..] => Some("a core module, not a component"),
        _ => Some("not WebAssembly"),
    }
}
