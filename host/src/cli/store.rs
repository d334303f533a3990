//! `innkeeper store get | set | delete | list`: values in the store. Of a file no server may be running; on Redis any number may.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use innkeeper_contract::codes;

use crate::app;
use crate::config::{Config, Flags};
use crate::store::{Embedded, Store};
use crate::text_file;

use super::config_file::{self, environment};
use super::error::CliError;
use super::output::say;

/// Entries that are read at once.
const PAGE: u32 = 100;

#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
    /// The store's file
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "config")]
    path: Option<PathBuf>,
    /// The configuration that names the file [default: innkeeper.toml in this folder, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Print a value
    Get { bucket: String, key: String },
    /// Write a value, for good
    Set {
        bucket: String,
        key: String,
        /// The value as JSON: '{"name": "Ann"}', 5, '"text"'
        json: String,
    },
    /// Remove a value
    Delete { bucket: String, key: String },
    /// Print keys and values, in the order of the keys
    List {
        bucket: String,
        /// What the keys begin with
        #[arg(default_value = "")]
        prefix: String,
    },
}

pub(super) fn store(args: StoreArgs) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CliError::Runtime)?;
    let file = match args.path {
        Some(path) => path,
        None => match config_file::find(args.config) {
            Some(file) => {
                let config = Config::load(&file, &environment, Flags::default())?;
                not_in_memory(&config, args.command.bucket())?;
                let redis = runtime.block_on(app::redis_store(&config)).map_err(|error| CliError::Redis(error.to_string()))?;
                if let Some(store) = redis {
                    return runtime.block_on(answer(&store, args.command));
                }
                config.store_path()
            }
            None => Config::default().store_path(),
        },
    };
    if !matches!(args.command, StoreCommand::Set { .. }) && !file.exists() {
        return Err(CliError::NoStore(file));
    }
    let store = Embedded::open(&file)?;
    runtime.block_on(answer(&store, args.command))
}

impl StoreCommand {
    fn bucket(&self) -> &str {
        let (Self::Get { bucket, .. } | Self::Set { bucket, .. } | Self::Delete { bucket, .. } | Self::List { bucket, .. }) =
            self;
        bucket
    }
}

/// Refuses a bucket that the configuration keeps in memory: neither the file nor Redis has anything of it.
fn not_in_memory(config: &Config, bucket: &str) -> Result<(), CliError> {
    match config.store.memory.iter().any(|name| name == bucket) {
        true => Err(CliError::InMemory(bucket.to_owned())),
        false => Ok(()),
    }
}

async fn answer(store: &dyn Store, command: StoreCommand) -> Result<(), CliError> {
    match command {
        StoreCommand::Get { bucket, key } => match store.get(&bucket, &key).await? {
            Some(value) => print(&value, b"\n"),
            None => Err(CliError::NoValue { bucket, key }),
        },
        StoreCommand::Set { bucket, key, json } => {
            let value: Box<serde_json::value::RawValue> =
                serde_json::from_str(text_file::without_mark(&json)).map_err(CliError::NoJson)?;
            store.set(&bucket, &key, value.get().as_bytes().to_vec(), None).await?;
            Ok(())
        }
        StoreCommand::Delete { bucket, key } => match store.delete(&bucket, &key).await? {
            true => Ok(()),
            false => Err(CliError::NoValue { bucket, key }),
        },
        StoreCommand::List { bucket, prefix } => list(store, &bucket, &prefix).await,
    }
}

async fn list(store: &dyn Store, bucket: &str, prefix: &str) -> Result<(), CliError> {
    let (mut after, mut page): (Option<String>, _) = (None, PAGE);
    loop {
        let entries = match store.scan(bucket, prefix, after.as_deref(), page).await {
            // Large values: fewer at once. One always fits.
            Err(error) if page > 1 && error.code() == codes::LIMIT => {
                page /= 10;
                continue;
            }
            entries => entries?,
        };
        for (key, value) in &entries {
            print(key.as_bytes(), b"\t")?;
            print(value, b"\n")?;
        }
        match entries.into_iter().last() {
            Some((last, _)) => after = Some(last),
            None => break,
        }
    }
    if after.is_none() {
        say(format_args!("innkeeper: nothing in {bucket:?} begins with {prefix:?}"));
    }
    Ok(())
}

fn print(text: &[u8], end: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text).and_then(|()| out.write_all(end)).map_err(CliError::Output)
}
