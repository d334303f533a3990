//! The built-in configuration, for a start without a file.
//!
//! The built-in configuration exists only for a program that lies in the target directory in which cargo built it, and has the
//! reference plugins that were built into that directory. An installed program has none, and nothing is ever loaded from the
//! current directory: a folder from an unknown source may have a `target/innkeeper/chat.wasm`, which must not be granted
//! anything.

use crate::config::{Config, PluginConfig};

use super::config_file::environment;
use super::error::CliError;
use super::output::say;
use super::paths;
use super::reference::{AUTH, REFERENCE_PLUGINS};

/// The reference plugins, built or not; `auth` only where there is a key for it.
pub(super) fn reference_plugins() -> Result<Vec<PluginConfig>, CliError> {
    let target = paths::own_target().ok_or(CliError::NoConfiguration)?;
    let plugins = REFERENCE_PLUGINS.iter().filter(|plugin| plugin.name != AUTH || has_key());
    Ok(plugins.map(|plugin| plugin.configured(target.component(plugin.folder))).collect())
}

/// The reference plugins that are built.
pub(super) fn built_plugins() -> Result<Vec<PluginConfig>, CliError> {
    let plugins = reference_plugins()?.into_iter();
    Ok(plugins.filter(|plugin| plugin.component.is_file()).collect())
}

/// Reports that every client may connect, so that the operator is not surprised by it.
pub(super) fn report_open(plugins: &[PluginConfig]) {
    if plugins.is_empty() || plugins.iter().any(|plugin| plugin.name == AUTH) {
        return;
    }
    match has_key() {
        true => say(format_args!(
            "innkeeper: every client may connect, because the plugin auth is not built; `innkeeper build plugins/auth` builds it"
        )),
        false => say(format_args!("innkeeper: every client may connect; with JWT_SECRET set, the plugin auth requires a token")),
    }
}

/// Without a file `JWT_SECRET` is the key `default`. An empty variable is no key.
fn has_key() -> bool {
    environment("JWT_SECRET").is_some_and(|secret| !secret.is_empty())
}

/// With a free port for clients several servers may run at once, so the internal listener takes a free port too.
pub(super) fn free_internal(config: &mut Config) {
    if config.server.port == 0 {
        config.internal.port = 0;
    }
}
