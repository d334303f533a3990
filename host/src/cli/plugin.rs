//! `innkeeper plugin lock`: what concerns the plugins of a configuration.

use std::path::PathBuf;

use clap::Subcommand;

use super::error::CliError;
use super::lock;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Write innkeeper.lock: which component each plugin has, for `run --locked`
    Lock {
        /// The configuration [default: innkeeper.toml in this folder]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

pub(super) fn plugin(command: PluginCommand) -> Result<(), CliError> {
    match command {
        PluginCommand::Lock { config } => lock::lock(config),
    }
}
