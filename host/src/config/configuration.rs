//! The configuration as the rest of the host uses it: real types, every value in its range.

use std::path::PathBuf;

use super::adapter::RedisAdapter;
use super::generations::GenerationsConfig;
use super::internal::Internal;
use super::keys::KeyConfig;
use super::limits::Limits;
use super::lock_file::LockFile;
use super::log::LogConfig;
use super::plugins::PluginConfig;
use super::server::Server;
use super::store::{StoreConfig, StorePlace};
use super::wasm::Wasm;

/// The whole configuration, resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The file that it came from; `None`: the built-in configuration.
    pub file: Option<PathBuf>,
    /// The listener for clients: `[server]`.
    pub server: Server,
    /// The listener for health, metrics and the admin interface: `[internal]`.
    pub internal: Internal,
    /// The limits of the host: `[limits]`. The limits of one plugin are in its [`PluginConfig`].
    pub limits: Limits,
    /// The store's file and its first content: `[store]`.
    pub store: StoreConfig,
    /// The Redis of several servers: `[adapter.redis]`.
    pub redis: RedisAdapter,
    /// What is logged: `[log]`.
    pub log: LogConfig,
    /// How plugins are swapped, and what is kept of those that served: `[generations]`.
    pub generations: GenerationsConfig,
    /// How components are compiled and instantiated: `[wasm]`.
    pub wasm: Wasm,
    /// `[keys.<name>]`: the keys that tokens are verified with. Names are unique.
    pub keys: Vec<KeyConfig>,
    /// `[plugins.<name>]` in the order of the file, which is the order of every chain. Names are unique.
    pub plugins: Vec<PluginConfig>,
    /// With `--locked`: the components that the plugins may have.
    pub lock: Option<LockFile>,
}

impl Config {
    /// The file of the store.
    pub(crate) fn store_path(&self) -> PathBuf {
        self.store.file(self.file.as_deref())
    }

    /// Where the store is.
    pub(crate) fn store_place(&self) -> StorePlace {
        self.store.place(self.redis.url.is_some())
    }

    /// The folder with the components that served.
    pub(crate) fn generations_folder(&self) -> PathBuf {
        self.generations.folder(self.file.as_deref())
    }

    /// The file of the token for the admin interface.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.internal.token_file(self.file.as_deref())
    }
}
