//! Why a command failed, and how that is reported.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::auth::{AuthError, SignError};
use crate::config::{Problems, UnreadableComponent};
use crate::store::StoreError;

use super::build::BuildError;
use super::output::say;
use super::plugin::AdminError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Config(#[from] Problems),
    /// The same, for a command that was not to start anything.
    #[error(transparent)]
    Check(Problems),
    #[error("{0:?} is there already; --force overwrites it")]
    FileExists(String),
    #[error("{0:?} cannot be written")]
    Write(String, #[source] io::Error),
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Nothing is loaded from the current directory but what a configuration names.
    #[error(
        "there is no innkeeper.toml in this folder; write one with `innkeeper config init`, or name one with --config. \
         (Only a program in the target directory of cargo that built it starts without one, with the reference plugins beside it)"
    )]
    NoConfiguration,
    #[error("--locked needs a configuration, beside which the lock file is; name one with --config")]
    NoLock,
    #[error(transparent)]
    Component(#[from] UnreadableComponent),
    #[error("the demo needs the sources of its plugins; start it in a checkout of innkeeper, or in a folder below it")]
    NoSources,
    #[error("the demo cannot write into {}", .0.display())]
    Demo(PathBuf, #[source] io::Error),
    #[error("{}: no plugin has the component of {name}; add these lines and start again:\n{lines}", .file.display())]
    NotConfigured { file: PathBuf, name: String, lines: String },
    #[error("another demo is running in {}; stop it, or give this one a folder of its own with --folder", .0.display())]
    DemoRuns(PathBuf),
    #[error("{address} is in use by another program; choose another port with {option}, or leave {option} out for a free one")]
    PortTaken { address: SocketAddr, option: &'static str },
    #[error("no port of {host} is free")]
    NoPort {
        host: IpAddr,
        #[source]
        source: io::Error,
    },
    #[error("the system has no random bytes for a key; set the variable JWT_SECRET and give --sign-with-jwt-secret")]
    Random(#[source] io::Error),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Admin(#[from] AdminError),
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
    /// For a command: there is more to say than where a server does not start.
    #[error(
        "store {}: {by} has it open, and only one program can: stop the server, run this command, start the server again. \
         A server sets what `seed` in [store] names at its next start; while it runs, only its plugins reach the store",
        .path.display()
    )]
    StoreInUse { path: PathBuf, by: String },
    #[error("the store is on Redis: {0}")]
    Redis(String),
    #[error(transparent)]
    Store(StoreError),
    #[error("there is no store {}; name its file with --path or its configuration with --config", .0.display())]
    NoStore(PathBuf),
    #[error(
        "the bucket {0:?} is kept in memory (memory in [store]): the file has nothing of it, and only the plugins of a running server \
         reach it"
    )]
    InMemory(String),
    #[error("bucket {bucket:?} has no key {key:?}")]
    NoValue { bucket: String, key: String },
    #[error("the value is not JSON; quote it for the shell: '{{\"name\": \"Ann\"}}', '\"text\"'")]
    NoJson(#[source] serde_json::Error),
    #[error("cannot write the result to the standard output")]
    Output(#[source] io::Error),
    #[error("the server does not run")]
    Server(#[source] Box<dyn Error + Send + Sync>),
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InUse { path, by } => Self::StoreInUse { path, by },
            other => Self::Store(other),
        }
    }
}

/// Writes a failure and its causes to stderr, and chooses the exit code.
pub(super) fn report(error: &CliError) -> ExitCode {
    if let CliError::Config(problems) | CliError::Check(problems) = error {
        say(format_args!("{problems}"));
        let count = problems.count();
        let noun = if count == 1 { "problem" } else { "problems" };
        let then = if matches!(error, CliError::Check(_)) { "" } else { ", nothing was started" };
        say(format_args!("innkeeper: {count} {noun} in the configuration{then}"));
        return ExitCode::from(2);
    }
    explain(error);
    match error {
        CliError::NoConfiguration | CliError::NoLock => ExitCode::from(2),
        CliError::Build(error) if error.is_usage() => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// Writes a failure and its causes to stderr.
pub(super) fn explain(error: &dyn Error) {
    say(format_args!("innkeeper: {error}"));
    let (mut reported, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let line = error.to_string();
        // Many errors have the text of their cause in their own.
        if !reported.contains(&line) {
            say(format_args!("  because: {line}"));
            reported = line;
        }
        cause = error.source();
    }
}
