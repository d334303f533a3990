//! The command line: `innkeeper run | build | demo | config | store | token`.
//!
//! Every command says on stderr what it does, and when it fails, why and what to do next. Exit codes: 0; 2 for problems in the
//! configuration and in the command line; 1 for everything else.

mod build;
mod configuration;
mod demo;
mod paths;
mod reference;
mod run;
mod store;
mod token;

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::auth::{AuthError, SignError};
use crate::config::{self, Problems};
use crate::store::StoreError;
use crate::telemetry;

#[derive(Debug, Parser)]
#[command(name = "innkeeper", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server with innkeeper.toml, or with the defaults if there is none
    Run {
        /// The configuration [default: innkeeper.toml in this folder, if it is there]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        listen: Listen,
    },
    /// Build a Rust plugin into a component
    Build(build::BuildArgs),
    /// Build the reference plugins and start the server with them, a few users and a chat page
    Demo {
        /// Where it keeps its page and its store [default: innkeeper/demo in cargo's target directory]
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
        #[command(flatten)]
        listen: Listen,
    },
    /// Write, check or show the configuration
    #[command(subcommand)]
    Config(configuration::ConfigCommand),
    /// Read and change what plugins keep in the store, while the server is stopped
    Store(store::StoreArgs),
    /// Make a token for somebody, or check one
    #[command(subcommand)]
    Token(token::TokenCommand),
}

/// Flags over file and environment.
#[derive(Clone, Copy, Debug, Args)]
struct Listen {
    /// The port for clients, 0 for a free one [default: 3001]
    #[arg(long)]
    port: Option<u16>,
    /// The address for clients; 0.0.0.0 opens the server to the network [default: 127.0.0.1]
    #[arg(long, value_parser = config::host_of)]
    host: Option<IpAddr>,
}

#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Config(#[from] Problems),
    /// The same, where nothing was to be started.
    #[error(transparent)]
    Check(Problems),
    #[error("{0:?} is there already; --force overwrites it")]
    FileExists(String),
    #[error("{0:?} cannot be written")]
    Write(String, #[source] io::Error),
    #[error(transparent)]
    Build(#[from] build::BuildError),
    #[error("the demo needs the sources of its plugins, and {0:?} is not in this folder; run it in a checkout of innkeeper")]
    NoSources(&'static str),
    #[error("the demo cannot write into {}", .0.display())]
    Demo(PathBuf, #[source] io::Error),
    #[error("another demo is running in {}; stop it, or give this one a folder of its own with --folder", .0.display())]
    DemoRuns(PathBuf),
    #[error("the system gives out no random bytes for a key; set the variable JWT_SECRET")]
    Random(#[source] io::Error),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Unsigned(#[from] SignError),
    #[error("{0}")]
    NoKey(String),
    #[error("the token is refused: {0}")]
    Refused(String),
    #[error("cannot read the standard input")]
    Input(#[source] io::Error),
    #[error("the runtime does not start")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no store {}; name its file with --path or its configuration with --config", .0.display())]
    NoStore(PathBuf),
    #[error("bucket {bucket:?} has no key {key:?}")]
    NoValue { bucket: String, key: String },
    #[error("the value is not JSON; quote it for the shell: '{{\"name\": \"Ann\"}}', '\"text\"'")]
    NoJson(#[source] serde_json::Error),
    #[error("cannot write what was found")]
    Output(#[source] io::Error),
    #[error("the server does not run")]
    Server(#[source] Box<dyn Error + Send + Sync>),
}

/// Builds a guest that a test needs, and says where it is.
#[cfg(test)]
pub(crate) fn component_of(folder: &std::path::Path) -> PathBuf {
    let target_dir = Some(paths::target().folder);
    build::build(&build::BuildArgs { folder: folder.to_owned(), output: None, target_dir })
        .expect("a guest of this repository can be built")
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    // Exits by itself, with code 2 on wrong usage.
    let cli = Cli::parse();
    telemetry::init();
    let done = match cli.command {
        Command::Run { config, listen } => run::run(config, listen.into()),
        Command::Build(request) => build::build(&request).map(|_| ()).map_err(CliError::from),
        Command::Store(request) => store::store(request),
        Command::Token(request) => token::token(request),
        Command::Demo { folder, listen } => demo::demo(folder, listen.into()),
        Command::Config(request) => configuration::config(request),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Puts a failure on stderr, with its causes, and chooses the exit code.
fn report(error: &CliError) -> ExitCode {
    if let CliError::Config(problems) | CliError::Check(problems) = error {
        say(format_args!("{problems}"));
        let count = problems.count();
        let noun = if count == 1 { "problem" } else { "problems" };
        let then = if matches!(error, CliError::Check(_)) { "" } else { ", nothing was started" };
        say(format_args!("innkeeper: {count} {noun} in the configuration{then}"));
        return ExitCode::from(2);
    }
    say(format_args!("innkeeper: {error}"));
    let (mut told, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let line = error.to_string();
        // Many an error has its cause in its own words.
        if !told.contains(&line) {
            say(format_args!("  because: {line}"));
            told = line;
        }
        cause = error.source();
    }
    match error {
        CliError::Build(error) if error.is_usage() => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// One line on stderr. A closed stderr is nobody's problem.
fn say(line: fmt::Arguments<'_>) {
    let _closed = writeln!(io::stderr().lock(), "{line}");
}

/// How the configuration reads the environment of this process.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl From<Listen> for config::Flags {
    fn from(listen: Listen) -> Self {
        Self { host: listen.host, port: listen.port }
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
