//! `innkeeper config init | check | show`: the configuration without a server.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::config::{self, Config, PluginConfig, Reading, Resolved};

use super::built_in;
use super::config_file::{self, FILE, environment};
use super::error::CliError;
use super::listen::Listen;
use super::output::say;
use super::run;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Write an example of innkeeper.toml, with every key, its default and its reason
    Init {
        /// Overwrite a file that is there
        #[arg(long)]
        force: bool,
        /// The file to write
        #[arg(value_name = "FILE", default_value = FILE)]
        file: PathBuf,
    },
    /// Report all problems at once, or what would be loaded; exit code 0 or 2
    Check {
        #[command(flatten)]
        args: ConfigArgs,
        /// Compare the components with the lock file beside the configuration
        #[arg(long)]
        locked: bool,
    },
    /// Show the resolved configuration as TOML, without its secrets
    Show {
        #[command(flatten)]
        args: ConfigArgs,
        /// Add to each value where it came from: default, file and line, environment variable, or flag
        #[arg(long)]
        origin: bool,
    },
    /// Write docs/configuration.md to the standard output
    #[command(hide = true)]
    Docs,
}

/// The configuration that `innkeeper run` would start with.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The configuration [default: innkeeper.toml in this folder, if it is there, else the built-in one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    listen: Listen,
}

pub(super) fn config(command: ConfigCommand) -> Result<(), CliError> {
    match command {
        ConfigCommand::Init { force, file } => init(&file, force),
        ConfigCommand::Check { args, locked } => {
            let reading = match config_file::find(args.config) {
                Some(file) => {
                    let reading = Reading::of(&file, &environment, args.listen.into()).map_err(CliError::Check)?;
                    if locked { reading.locked() } else { reading }
                }
                None if locked => return Err(CliError::NoLock),
                None => built_in(args.listen, built_in::built_plugins)?.into(),
            };
            let findings = run::check(&reading.checkable())?;
            let resolved = reading.with(findings).map_err(CliError::Check)?;
            if resolved.config.file.is_none() {
                built_in::report_open(&resolved.config.plugins);
            }
            print(&loaded(&resolved.config))
        }
        ConfigCommand::Show { args, origin } => {
            // The reference plugins belong to the built-in configuration, also before they are built.
            let resolved = match config_file::find(args.config) {
                Some(file) => Resolved::load(&file, &environment, args.listen.into()).map_err(CliError::Check)?,
                None => built_in(args.listen, built_in::reference_plugins)?,
            };
            report_unbuilt(&resolved.config);
            print(&resolved.to_toml(origin))
        }
        ConfigCommand::Docs => print(&config::docs()),
    }
}

fn init(file: &Path, force: bool) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true).truncate(force).create(force).create_new(!force);
    let written = options.open(file).and_then(|mut file| file.write_all(config::example().as_bytes()));
    let shown = file.display().to_string();
    match written {
        Ok(()) => say(format_args!("innkeeper: wrote {shown:?}; change it, then try `innkeeper config check --config {shown}`")),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(CliError::FileExists(shown)),
        Err(error) => return Err(CliError::Write(shown, error)),
    }
    Ok(())
}

fn built_in(listen: Listen, plugins: fn() -> Result<Vec<PluginConfig>, CliError>) -> Result<Resolved, CliError> {
    Resolved::built_in(plugins()?, &environment, listen.into()).map_err(CliError::Check)
}

/// Reports each component that is not there. Only the built-in configuration can name one.
fn report_unbuilt(config: &Config) {
    for plugin in config.plugins.iter().filter(|plugin| !plugin.component.is_file()) {
        let name = &plugin.name;
        say(format_args!(
            "innkeeper: the reference plugin {name} is not built yet; `innkeeper demo` builds it, and `innkeeper run` leaves it out"
        ));
    }
}

/// What a server with this configuration would start with.
fn loaded(config: &Config) -> String {
    let file = config.file.as_ref().map_or_else(|| "the built-in configuration".to_owned(), |file| file.display().to_string());
    let mut lines = vec![format!("{file}: no problems; `innkeeper run` would")];
    let server = &config.server;
    lines.push(format!("  listen for clients on {}, path {}", address(server.host, server.port), server.path));
    let internal = &config.internal;
    lines.push(match internal.enabled {
        true => format!("  listen for health and metrics on {}", address(internal.host, internal.port)),
        false => "  not listen for health and metrics".to_owned(),
    });
    lines.extend(config.plugins.iter().map(|plugin| {
        let grants = match plugin.grants.as_slice() {
            [] => "no grants".to_owned(),
            grants => format!("granted {}", grants.join(", ")),
        };
        let on = plugin.namespaces.as_ref().map(|names| format!(", on {}", names.join(", "))).unwrap_or_default();
        format!("  load the plugin {} from {}, {grants}{on}", plugin.name, plugin.component.display())
    }));
    if config.plugins.is_empty() {
        lines.push("  load no plugin, and so serve no namespace; add a [plugins.<name>]".to_owned());
    }
    lines.push("at most it would cost, besides the processor's time for what clients send:".to_owned());
    lines.extend(config::costs(config).into_iter().map(|line| format!("  {line}")));
    lines.join("\n") + "\n"
}

fn address(host: std::net::IpAddr, port: u16) -> String {
    match port {
        0 => format!("{host}, a free port"),
        port => std::net::SocketAddr::new(host, port).to_string(),
    }
}

/// Writes to the standard output. It may have been closed by a reader that has read enough, as `head` does.
fn print(text: &str) -> Result<(), CliError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Write("the standard output".to_owned(), error)),
        _ => Ok(()),
    }
}
