//! The command line: `innkeeper run | build | dev | demo | config | plugin | store | token`.
//!
//! Every command reports on stderr what it does, and when it fails, why and what to do next. Exit codes: 0; 2 for problems in the
//! configuration and in the command line; 1 for everything else.

mod build;
mod built_in;
mod child;
mod compile;
mod config_file;
mod configuration;
mod demo;
mod dev;
mod error;
mod file_handles;
mod listen;
mod lock;
mod output;
mod paths;
mod plugin;
mod ports;
mod reference;
mod run;
mod store;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry;

use error::report;
use listen::Listen;

const ENVIRONMENT: &str = "\
Environment:
  INNKEEPER_LOG  What is logged: warn, info, debug, or by module: info,innkeeper::engine=debug [default: RUST_LOG, else info]

Other variables override keys of the configuration; `innkeeper config init` writes an example that names them.";

#[derive(Debug, Parser)]
#[command(name = "innkeeper", version, about, arg_required_else_help = true, after_help = ENVIRONMENT)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server with innkeeper.toml
    Run {
        /// The configuration [default: innkeeper.toml in this folder]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Load only the components that the lock file beside the configuration names
        #[arg(long)]
        locked: bool,
        #[command(flatten)]
        listen: Listen,
    },
    /// Build a Rust plugin into a component
    Build(build::BuildArgs),
    /// Start a server that builds its plugins anew when their sources change, and swaps them while clients stay connected
    Dev(dev::DevArgs),
    /// Build the reference plugins and start the server with them, a few users and a chat page
    Demo {
        /// The folder for its page and its store [default: innkeeper/demo in cargo's target directory]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        /// Install the missing packages of a toolchain for plugins with apt-get, as root on Debian; otherwise the command is shown
        #[arg(long)]
        install: bool,
        /// Use JWT_SECRET as the key, and sign the tokens of the page with it: whoever can open the page gets one [default: a new key
        /// at each start]
        #[arg(long)]
        sign_with_jwt_secret: bool,
        #[command(flatten)]
        listen: Listen,
    },
    /// Write, check or show the configuration
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// See and change the plugins of a running server
    Plugin(plugin::PluginArgs),
    /// Read and change what plugins keep in the store, while the server is stopped
    Store(store::StoreArgs),
    /// Make a token for a user, or check one
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Compile the component on the standard input, as a child of a server
    #[command(hide = true)]
    CompileComponent(compile::CompileArgs),
}

/// Builds a guest that a test needs; returns its file.
#[cfg(test)]
pub(crate) fn component_of(folder: &std::path::Path) -> PathBuf {
    let target_dir = paths::own_target().map(|target| target.folder);
    // Set by tests/run, which may install packages.
    let install = std::env::var_os("INNKEEPER_TESTS_INSTALL").is_some();
    build::build(&build::BuildArgs { folder: folder.to_owned(), output: None, target_dir, install })
        .expect("a guest of this repository can be built")
        .component
}

/// Runs the command of the command line.
pub fn main() -> ExitCode {
    // Exits by itself, with code 2 on wrong usage.
    let cli = Cli::parse();
    // Dropped last: the lines of the log are written by then.
    let log = telemetry::init();
    let done = match cli.command {
        Command::Run { config, locked, listen } => run::run(config, locked, listen.into(), &log),
        Command::Build(request) => build::command(&request),
        Command::Dev(request) => dev::dev(request, &log),
        Command::Plugin(request) => plugin::plugin(request),
        Command::Store(request) => store::store(request),
        Command::Token(request) => token::token(request),
        Command::Demo { folder, install, sign_with_jwt_secret, listen } => {
            demo::demo(folder, listen.into(), install, sign_with_jwt_secret, &log)
        }
        Command::Config(request) => configuration::config(request),
        Command::CompileComponent(request) => return compile::compile(&request),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
