//! `innkeeper run`: the server, with a file or without.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::{self, AppError, LEFTOVERS_DEADLINE, ReadAgain};
use crate::config::{Config, Finding, Flags, Problems, Reading, Resolved};
use crate::generations::Generations;
use crate::telemetry::Log;

use super::built_in::{built_plugins, free_internal, report_open};
use super::config_file::{self, FILE, environment};
use super::error::CliError;
use super::file_handles;
use super::output::say;
use super::reference::AUTH;

/// Threads in which something may wait for a disk: files, the store, compilations.
const BLOCKING_THREADS: usize = 64;

/// `is_locked`: only with the components of the lock file.
pub(super) fn run(file: Option<PathBuf>, is_locked: bool, flags: Flags, log: &Log) -> Result<(), CliError> {
    match config_file::find(file) {
        Some(file) => {
            let resolved = sound(read(&file, is_locked, flags)?)?;
            let read_again = move || {
                let read = read(&file, is_locked, flags).and_then(|reading| reading.with(Vec::new()));
                read.map(|read| with_file_handles(read.config)).map_err(|problems| problems.to_string())
            };
            serve(resolved, Arc::new(read_again), log)
        }
        None if is_locked => Err(CliError::NoLock),
        None => serve(without_file(flags)?.into(), nothing_to_read(), log),
    }
}

fn read(file: &Path, is_locked: bool, flags: Flags) -> Result<Reading, Problems> {
    let reading = Reading::of(file, &environment, flags)?;
    Ok(if is_locked { reading.locked() } else { reading })
}

/// Of a server that was started without a file.
pub(super) fn nothing_to_read() -> ReadAgain {
    Arc::new(|| Err(format!("the server was started without a file, so there is none to read; start it with {FILE}")))
}

/// No more connections than there are file handles for.
fn with_file_handles(mut config: Config) -> Config {
    let connections_max = &mut config.limits.connections_max;
    *connections_max = (*connections_max).min(file_handles::for_connections());
    config
}

/// Runs the server until it has drained.
pub(super) fn serve(resolved: Resolved, read_again: ReadAgain, log: &Log) -> Result<(), CliError> {
    serve_beside(resolved, read_again, log, |_| ())
}

/// The same, with something beside it that changes plugins, which begins on the same runtime when the server serves.
pub(super) fn serve_beside(
    Resolved { config, sources }: Resolved,
    read_again: ReadAgain,
    log: &Log,
    ready: impl FnOnce(Generations),
) -> Result<(), CliError> {
    file_handles::raise_limit();
    log.parts().filter.choose(&config.log.filter);
    match on_runtime(app::run(with_file_handles(config), read_again, log.parts().clone(), ready))? {
        Err(AppError::Refused(findings)) => Err(Problems::found(findings, &sources).into()),
        ended => ended.map_err(|error| CliError::Server(error.into())),
    }
}

/// The configuration, if nothing is wrong with it. If the file has a problem, those of what it names are found, too.
pub(super) fn sound(reading: Reading) -> Result<Resolved, CliError> {
    let findings = if reading.is_sound() { Vec::new() } else { check(&reading.checkable())? };
    Ok(reading.with(findings)?)
}

/// What is wrong with what a configuration names. Nothing is started.
pub(super) fn check(config: &Config) -> Result<Vec<Finding>, CliError> {
    match on_runtime(app::check(config))? {
        Ok(()) => Ok(Vec::new()),
        Err(AppError::Refused(findings)) => Ok(findings),
        Err(error) => Err(CliError::Server(error.into())),
    }
}

/// Runs a future on the service runtime: what is no connection's. Connections have loops of their own.
fn on_runtime<T>(run: impl Future<Output = T>) -> Result<T, CliError> {
    // One worker: it serves the internal listener while this thread loads and starts plugins.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime =
        builder.worker_threads(1).max_blocking_threads(BLOCKING_THREADS).enable_all().build().map_err(CliError::Runtime)?;
    let ended = runtime.block_on(run);
    runtime.shutdown_timeout(LEFTOVERS_DEADLINE);
    Ok(ended)
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
