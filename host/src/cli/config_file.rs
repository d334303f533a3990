//! The configuration that a command uses: the file of `--config`, or the one in the current directory.

use std::path::PathBuf;

/// The name of the file.
pub(super) const FILE: &str = "innkeeper.toml";

/// The file that `--config` names, else the one in the current directory, if it is there.
pub(super) fn find(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
}

/// How the configuration reads the environment of this process.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
