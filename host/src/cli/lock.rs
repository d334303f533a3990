//! `innkeeper plugin lock`: the lock file of a configuration, from the components as they are now. No server is needed.

use std::path::PathBuf;

use crate::config::{Config, Flags, LockFile};

use super::config_file::{self, environment};
use super::error::CliError;
use super::output::say;
use crate::whole_file;

pub(super) fn lock(config: Option<PathBuf>) -> Result<(), CliError> {
    let file = config_file::find(config).ok_or(CliError::NoConfiguration)?;
    let config = Config::load(&file, &environment, Flags::default())?;
    let lock = LockFile::new(&file, &config.plugins)?;
    let shown = lock.path().display().to_string();
    // Whole or not at all: a server may start meanwhile.
    whole_file::write(lock.path(), whole_file::ORDINARY, lock.to_toml().as_bytes())
        .map_err(|error| CliError::Write(shown.clone(), error))?;
    let (count, noun) = (lock.len(), if lock.len() == 1 { "component" } else { "components" });
    say(format_args!("innkeeper: wrote {shown:?} with {count} {noun}; `innkeeper run --locked` loads no other"));
    Ok(())
}
