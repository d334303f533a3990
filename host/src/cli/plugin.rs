//! `innkeeper plugin list | show | load | swap | …`: what the plugins of a running server do, and other components in their place.
//!
//! The commands are a client of the server's admin interface. What they print is a table or a line, or with `-o json` what the server
//! answered.

mod client;
mod error;
mod log_lines;
mod target;
mod token;
mod view;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::telemetry::printable;

use super::error::CliError;
use super::lock;
use client::{Body, Client};
pub(super) use error::AdminError;
use log_lines::LogLines;
use target::Target;
use view::{Generation, Plugin};

#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
    #[command(flatten)]
    target: Target,
    /// What is printed
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For readers
    Text,
    /// For programs: what the server answered
    Json,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Print the plugins of the server, in the order of their chains
    List {
        /// Those of all servers of the cluster
        #[arg(long)]
        cluster: bool,
    },
    /// Print one plugin: what serves, what served before, and why the last change failed
    Show {
        name: String,
        /// Print what a component would change if it took over: this one, or what the server's own file has now
        #[arg(long, value_name = "FILE", num_args = 0..=1)]
        diff: Option<Option<PathBuf>>,
    },
    /// Load a plugin of the configuration that is not loaded
    Load { name: String },
    /// Have another component take over, while all clients stay connected
    Swap {
        name: String,
        /// The component to send to the server [default: the file of the server's configuration]
        file: Option<PathBuf>,
        /// Also if that component serves already, or was taken back before
        #[arg(long)]
        again: bool,
    },
    /// Call the plugin no more; namespaces that only it serves are closed
    Unload { name: String },
    /// Have a generation that served before take over again
    Rollback {
        name: String,
        /// How the digest of its component begins [default: the last one]
        #[arg(long, value_name = "DIGEST")]
        to: Option<String>,
    },
    /// Print what the plugin has logged lately
    Logs {
        name: String,
        /// Go on with what it logs from now on
        #[arg(short, long)]
        follow: bool,
    },
    /// Keep what serves: no change of its file takes over
    Pause { name: String },
    /// Have changes of its file take over again
    Resume { name: String },
    /// Write innkeeper.lock: which component each plugin of the configuration has, for `run --locked`; no server is needed
    Lock,
}

/// The answer of `GET /plugins`.
#[derive(Deserialize)]
struct Listed {
    plugins: Vec<Plugin>,
}

pub(super) fn plugin(args: PluginArgs) -> Result<(), CliError> {
    if let PluginCommand::Lock = args.command {
        return lock::lock(args.target.config);
    }
    let client = args.target.client()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(run(&client, args.command, args.output))
}

async fn run(client: &Client, command: PluginCommand, output: Output) -> Result<(), CliError> {
    match command {
        PluginCommand::List { cluster: true } => {
            show(output, client.json(Method::GET, "/nodes", Body::Nothing).await?, view::nodes)
        }
        PluginCommand::List { cluster: false } => {
            let answer = client.json(Method::GET, "/plugins", Body::Nothing).await?;
            show(output, answer, |Listed { plugins }| view::table(&plugins))
        }
        PluginCommand::Show { name, diff: None } => {
            show(output, client.json(Method::GET, &path(&name, ""), Body::Nothing).await?, view::page)
        }
        PluginCommand::Show { name, diff: Some(file) } => {
            let answer = match file {
                Some(file) => {
                    let component = component(&file)?;
                    // As for a swap: who may ask is found out before.
                    serving(client, &name).await?;
                    client.json(Method::PUT, &path(&name, "/component?dry_run=true"), Body::Component(component)).await?
                }
                None => client.json(Method::POST, &path(&name, "/swap"), Body::Json(json!({"dry_run": true}))).await?,
            };
            show(output, answer, view::differences)
        }
        PluginCommand::Logs { name, follow } => {
            let path = path(&name, if follow { "/logs?follow=true" } else { "/logs" });
            let mut lines = LogLines::new(client.request(Method::GET, &path, Body::Nothing).await?);
            while let Some(line) = lines.next().await? {
                print(&if output == Output::Json { line } else { log_lines::readable(&line) })?;
            }
            Ok(())
        }
        PluginCommand::Swap { name, file: Some(file), again } => {
            let component = component(&file)?;
            // A server that refuses may close the connection before it has read a large component, and its answer be lost: so who
            // may ask, and for which plugin, is found out before.
            let before = serving(client, &name).await?;
            let path = path(&name, if again { "/component?again=true" } else { "/component" });
            let after =
                client.json(Method::PUT, &path, Body::Component(component)).await.map_err(|error| error.of_change(&name))?;
            show(output, after, |plugin| done(before.as_ref(), &plugin))
        }
        PluginCommand::Swap { name, file: None, again } => change(client, output, &name, "/swap", json!({"again": again})).await,
        PluginCommand::Rollback { name, to } => {
            let to = to.map(|digest| digest.strip_prefix("sha256:").unwrap_or(&digest).to_owned());
            let body = to.map_or_else(|| json!({}), |digest| json!({"to": digest}));
            change(client, output, &name, "/rollback", body).await
        }
        PluginCommand::Load { name } => change(client, output, &name, "/load", json!({})).await,
        PluginCommand::Unload { name } => change(client, output, &name, "/unload", json!({})).await,
        PluginCommand::Pause { name } => change(client, output, &name, "/pause", json!({})).await,
        PluginCommand::Resume { name } => change(client, output, &name, "/resume", json!({})).await,
        // Needs no server, and has been done.
        PluginCommand::Lock => Ok(()),
    }
}

/// Asks for a change, and prints what it has made.
async fn change(client: &Client, output: Output, name: &str, action: &str, body: Value) -> Result<(), CliError> {
    let before = serving(client, name).await?;
    let after = client.json(Method::POST, &path(name, action), Body::Json(body)).await.map_err(|error| error.of_change(name))?;
    show(output, after, |plugin| done(before.as_ref(), &plugin))
}

/// The generation that serves.
async fn serving(client: &Client, name: &str) -> Result<Option<Generation>, CliError> {
    let answer = client.json(Method::GET, &path(name, ""), Body::Nothing).await?;
    Ok(read::<Plugin>(answer)?.generation)
}

/// What a change has made of a plugin, in a line.
fn done(before: Option<&Generation>, plugin: &Plugin) -> String {
    let Plugin { name, status, generation, .. } = plugin;
    match generation {
        None => format!("{name} is {status}"),
        Some(now) if before.is_none_or(|before| before.number != now.number) => {
            format!("{name}@{} serves, sha256:{}", now.number, now.digest)
        }
        Some(now) => format!("{name}@{} serves as before ({status}), sha256:{}", now.number, now.digest),
    }
}

fn path(name: &str, rest: &str) -> String {
    format!("/plugins/{}{rest}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

fn component(file: &Path) -> Result<Bytes, AdminError> {
    fs::read(file).map(Bytes::from).map_err(|source| AdminError::Component { path: file.to_owned(), source })
}

/// Prints an answer as it is, or what a reader sees of it.
fn show<T: DeserializeOwned>(output: Output, answer: Value, readable: impl FnOnce(T) -> String) -> Result<(), CliError> {
    match output {
        Output::Json => print(&format!("{answer:#}")),
        Output::Text => print(&readable(read(answer)?)),
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, AdminError> {
    serde_json::from_value(answer).map_err(AdminError::Answer)
}

/// What a plugin has put into it cannot act on the terminal.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", printable(text.trim_end())).and_then(|()| out.flush()).map_err(CliError::Output)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::view::{Generation, Plugin};
    use super::{done, path};

    #[test]
    fn what_a_change_has_made_is_a_line() {
        let generation = |number| json!({"number": number, "digest": "5e"});
        let plugin = |status: &str, generation| -> Plugin {
            serde_json::from_value(json!({"name": "chat", "status": status, "generation": generation})).unwrap()
        };
        let before: Generation = serde_json::from_value(generation(3)).unwrap();
        let line = |plugin: &Plugin| done(Some(&before), plugin);
        assert_eq!(line(&plugin("serving", generation(4))), "chat@4 serves, sha256:5e");
        assert_eq!(line(&plugin("paused", generation(3))), "chat@3 serves as before (paused), sha256:5e");
        assert_eq!(line(&plugin("unloaded", json!(null))), "chat is unloaded");
    }

    #[test]
    fn a_name_cannot_lead_to_another_path() {
        assert_eq!(path("chat", "/logs"), "/plugins/chat/logs");
        assert_eq!(path("../a?b", ""), "/plugins/%2E%2E%2Fa%3Fb");
    }
}
