//! The operator's configuration: `innkeeper.toml`, overridden by the environment, overridden by flags.
//!
//! A file is read as written (`reader`, with the line of every value) and then resolved (`resolve`); everything that is wrong with
//! it is reported at once (`problem`). Every key is described once, beside what it sets, and the descriptions are listed in one
//! `schema`, which the example and the reference (`document`), `config show` (`show`) and the hints at unknown keys share. What leaves
//! this module is the plain [`Config`]: real types, every value in its range, every component file found. No other module
//! parses the file or resolves its variables.

mod adapter;
mod configuration;
mod cookie;
mod cors;
mod costs;
mod differences;
mod document;
mod field;
mod generations;
mod grants;
mod hosts;
mod internal;
mod key_source;
mod key_spec;
mod keys;
mod limits;
mod lock_file;
mod log;
mod on_failure;
mod paths;
mod plugins;
mod problem;
mod proxies;
mod reader;
mod redis_url;
mod resolve;
mod schema;
mod server;
mod show;
mod socket_io;
mod sources;
mod spelling;
mod store;
mod toml_text;
mod value;
mod variables;
mod wasm;

pub(crate) use adapter::RedisAdapter;
pub use configuration::Config;
pub(crate) use cors::{Cors, Origins};
pub(crate) use costs::costs;
pub(crate) use differences::differences;
pub(crate) use document::{docs, example};
pub(crate) use generations::GenerationsConfig;
pub(crate) use internal::Internal;
pub(crate) use key_source::{KeySource, Secret, secret_problem};
pub(crate) use keys::KeyConfig;
pub(crate) use limits::Limits;
pub(crate) use lock_file::{LockFile, UnreadableComponent};
pub(crate) use on_failure::OnFailure;
pub(crate) use plugins::PluginConfig;
pub(crate) use problem::{Finding, Problems};
pub(crate) use proxies::ProxyHeader;
pub(crate) use redis_url::{RedisEndpoint, RedisUrl};
pub(crate) use resolve::{Flags, Reading, Resolved, duration_of, host_of};
pub(crate) use server::Server;
pub(crate) use store::{StoreConfig, StorePlace};
pub(crate) use toml_text::path_of;
pub(crate) use wasm::{CompilePlace, ComponentCache, InstanceAllocation, Wasm};

#[cfg(test)]
mod tests;
