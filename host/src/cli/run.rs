//! `innkeeper run`: the server, with a file or without.

use std::path::PathBuf;
use std::time::Duration;

use crate::app;
use crate::config::{Config, Flags, PluginConfig};

use super::reference::{AUTH, REFERENCE_PLUGINS};
use super::{CliError, environment, paths, say};

pub(super) const FILE: &str = "innkeeper.toml";
/// What a shutdown leaves running in blocking threads (a compile) is not waited for any longer.
const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(1);

pub(super) fn run(file: Option<PathBuf>, flags: Flags) -> Result<(), CliError> {
    let config = match file_or_here(file) {
        Some(file) => Config::load(&file, &environment, flags)?,
        None => without_file(flags)?,
    };
    serve(config)
}

/// The file that was asked for, else the one in this folder, if it is there.
pub(super) fn file_or_here(file: Option<PathBuf>) -> Option<PathBuf> {
    file.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
}

/// Runs the server on a runtime of its own until it has drained.
pub(super) fn serve(config: Config) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let ended = runtime.block_on(app::run(config));
    runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    ended.map_err(|error| CliError::Server(error.into()))
}

/// The reference plugins, built or not; `auth` only where there is a key for it.
pub(super) fn reference_plugins() -> Vec<PluginConfig> {
    let target = paths::target();
    let plugins = REFERENCE_PLUGINS.iter().filter(|plugin| plugin.name != AUTH || has_key());
    plugins.map(|plugin| plugin.configured(target.component(plugin.name))).collect()
}

/// Those that were built before.
pub(super) fn built_plugins() -> Vec<PluginConfig> {
    reference_plugins().into_iter().filter(|plugin| plugin.component.is_file()).collect()
}

/// One line if everybody is let in: that should be no surprise.
pub(super) fn warn_that_everybody_may_connect(plugins: &[PluginConfig]) {
    if plugins.is_empty() || plugins.iter().any(|plugin| plugin.name == AUTH) {
        return;
    }
    match has_key() {
        true => {
            say(format_args!("innkeeper: everybody may come in, for auth is not built; `innkeeper build plugins/auth` builds it"))
        }
        false => say(format_args!("innkeeper: everybody may come in; with JWT_SECRET set, auth would ask for tokens")),
    }
}

/// Without a file `JWT_SECRET` is the key `default`. An empty one is none.
fn has_key() -> bool {
    environment("JWT_SECRET").is_some_and(|secret| !secret.is_empty())
}

/// Whoever takes a free port for clients may start several; the operator's side is not to stand in their way.
pub(super) fn free_internal(config: &mut Config) {
    if config.server.port == 0 {
        config.internal.port = 0;
    }
}

/// The built-in configuration.
fn without_file(flags: Flags) -> Result<Config, CliError> {
    let plugins = built_plugins();
    if plugins.is_empty() {
        say(format_args!(
            "innkeeper: no {FILE} here and no plugin built; the server starts empty (`innkeeper demo` shows one with plugins)"
        ));
    }
    warn_that_everybody_may_connect(&plugins);
    if plugins.iter().any(|plugin| plugin.name == AUTH) {
        say(format_args!(
            "innkeeper: auth lets in who is in the store; `innkeeper store set users ann '{{\"name\": \"Ann\"}}'` adds somebody while the server is stopped"
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
