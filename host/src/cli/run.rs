//! `innkeeper run`: the server, with a file or without.

use std::path::PathBuf;
use std::time::Duration;

use crate::app;
use crate::config::{Config, Flags, PluginConfig};

use super::{CliError, environment, places, say};

const FILE: &str = "innkeeper.toml";
/// What a shutdown leaves running in blocking threads (a compile) is not waited for any longer.
const LEFTOVERS_DEADLINE: Duration = Duration::from_secs(1);

pub(super) fn run(file: Option<PathBuf>, flags: Flags) -> Result<(), CliError> {
    let config = match configuration_file(file) {
        Some(file) => Config::load(&file, &environment, flags)?,
        None => without_file(flags)?,
    };
    serve(config)
}

/// The configuration that was named, or the one that is here.
pub(super) fn configuration_file(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
}

/// Runs the server on a runtime of its own until it has drained.
pub(super) fn serve(config: Config) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let ended = runtime.block_on(app::run(config));
    runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    ended.map_err(|error| CliError::Server(error.into()))
}

/// The built-in configuration: the reference plugins that were built before.
fn without_file(flags: Flags) -> Result<Config, CliError> {
    let target = places::target();
    let built = places::REFERENCE_PLUGINS.iter().filter_map(|name| {
        let component = target.component(name);
        component.is_file().then(|| PluginConfig::reference(name, component))
    });
    let plugins: Vec<_> = built.collect();
    if plugins.is_empty() {
        say(format_args!(
            "innkeeper: no {FILE} here and no plugin built; the server starts empty (`innkeeper demo` shows one with plugins)"
        ));
    }
    let config = Config::built_in(plugins, &environment, flags)?;
    if config.server.host.is_loopback() {
        say(format_args!(
            "innkeeper: listening for this machine only; --host 0.0.0.0 or INNKEEPER_HOST=0.0.0.0 opens it to the network"
        ));
    }
    Ok(config)
}
