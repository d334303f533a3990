//! `innkeeper run`: the server, with a file or without.

use std::path::PathBuf;
use std::time::Duration;

use crate::app;
use crate::config::{Config, Flags};

use super::built_in::{built_plugins, free_internal, report_open};
use super::config_file::{self, FILE, environment};
use super::error::CliError;
use super::output::say;
use super::reference::AUTH;

/// How long a shutdown waits for what runs in blocking threads (a compilation).
const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(1);

pub(super) fn run(file: Option<PathBuf>, flags: Flags) -> Result<(), CliError> {
    let config = match config_file::find(file) {
        Some(file) => Config::load(&file, &environment, flags)?,
        None => without_file(flags)?,
    };
    serve(config)
}

/// Runs the server on a runtime of its own until it has drained.
pub(super) fn serve(config: Config) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let ended = runtime.block_on(app::run(config));
    runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    ended.map_err(|error| CliError::Server(error.into()))
}

/// The built-in configuration.
fn without_file(flags: Flags) -> Result<Config, CliError> {
    let plugins = built_plugins()?;
    if plugins.is_empty() {
        say(format_args!(
            "innkeeper: there is no {FILE} in this folder and no reference plugin is built; the server starts without plugins (`innkeeper demo` builds them)"
        ));
    }
    report_open(&plugins);
    if plugins.iter().any(|plugin| plugin.name == AUTH) {
        say(format_args!(
            "innkeeper: the plugin auth accepts the users in the store; `innkeeper store set users ann '{{\"name\": \"Ann\"}}'` adds a user while the server is stopped"
        ));
    }
    let mut config = Config::built_in(plugins, &environment, flags)?;
    free_internal(&mut config);
    if config.server.host.is_loopback() {
        say(format_args!(
            "innkeeper: listening for this machine only; --host 0.0.0.0 or INNKEEPER_HOST=0.0.0.0 opens it to the network"
        ));
    }
    Ok(config)
}
