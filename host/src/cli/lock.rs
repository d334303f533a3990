//! `innkeeper plugin lock`: the lock file of a configuration, from the components as they are now. No server is needed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::config::{Config, Flags, LockFile};

use super::config_file::{self, environment};
use super::error::CliError;
use super::output::say;

pub(super) fn lock(config: Option<PathBuf>) -> Result<(), CliError> {
    let file = config_file::find(config).ok_or(CliError::NoConfiguration)?;
    let config = Config::load(&file, &environment, Flags::default())?;
    let lock = LockFile::new(&file, &config.plugins)?;
    let shown = lock.path().display().to_string();
    write(lock.path(), &lock.to_toml()).map_err(|error| CliError::Write(shown.clone(), error))?;
    let (count, noun) = (lock.len(), if lock.len() == 1 { "component" } else { "components" });
    say(format_args!("innkeeper: wrote {shown:?} with {count} {noun}; `innkeeper run --locked` loads no other"));
    Ok(())
}

/// Whole or not at all: a server may start meanwhile.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension(format!("lock.{}", std::process::id()));
    let mut file = File::create(&unfinished)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _absent = fs::remove_file(&unfinished);
    }
    written
}
