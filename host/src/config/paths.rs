//! Paths in the file are relative to the file.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::problem::Problem;

/// A path of the file `file` as a path of this process.
pub(super) fn beside(file: &Path, written: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(written)
}

/// The same for a file that must be there. `remedy`: what to do if it is not.
pub(super) fn existing_file(file: &Path, written: &str, remedy: &str) -> Result<PathBuf, Problem> {
    let path = beside(file, written);
    if path.is_file() {
        return Ok(path);
    }
    Err(Problem::new(format!("there is no file {:?}", path.display().to_string()), remedy))
}

/// The path that a key names, or else the one of this name beside the configuration; in the current directory, where there is none.
pub(super) fn named_or_beside(named: Option<&Path>, configuration: Option<&Path>, name: &str) -> PathBuf {
    match (named, configuration) {
        (Some(named), _) => named.to_owned(),
        (None, Some(configuration)) => configuration.with_file_name(name),
        (None, None) => PathBuf::from(name),
    }
}

/// Whole, so that it means the same file from every folder. `None` for the empty path, which no file has.
pub(super) fn shown(path: &Path) -> Option<Value> {
    if path.as_os_str().is_empty() {
        return None;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Some(path.to_string_lossy().into())
}
