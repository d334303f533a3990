//! Every table of `innkeeper.toml`, in one list.
//!
//! The hints at unknown keys, `innkeeper config init | show` and `docs/configuration.md` go through [`TABLES`]: a key that is
//! not there is unknown to all of them, even where a section reads it by name.

use std::path::PathBuf;

use super::configuration::Config;
use super::key_source::Secret;
use super::key_spec::{KeySpec, Row, rows};
use super::keys::{self, KeyConfig};
use super::plugins::{self, PluginConfig};
use super::{adapter, cookie, cors, generations, internal, limits, log, server, store, toml_text, wasm};

/// One table of the file.
#[derive(Debug)]
pub(super) struct Table {
    /// `server.cors`; `plugins.<name>` where the operator gives the names.
    pub(super) path: &'static str,
    /// What it is for, in one line.
    pub(super) about: &'static str,
    /// The tables of this kind in a configuration: one, or one for each name.
    pub(super) shown: fn(&Config) -> Vec<TableValues>,
}

/// A table with its values.
#[derive(Debug)]
pub(super) struct TableValues {
    /// `plugins.chat`, `keys."a b"`
    pub(super) path: String,
    pub(super) rows: Vec<Row>,
}

/// The whole file, in the order in which it is shown.
pub(super) const TABLES: &[Table] = &[
    Table {
        path: "server",
        about: "The listener for clients. Keys that Socket.IO has too have the same default",
        shown: |config| single("server", &config.server, server::KEYS),
    },
    Table {
        path: "server.cors",
        about: "Which web pages may connect, by polling and by websocket alike",
        shown: |config| single("server.cors", &config.server.cors, cors::KEYS),
    },
    Table {
        path: "server.cookie",
        about: "A cookie with the session's id, for load balancers that keep a client on one node by it",
        shown: |config| single("server.cookie", &config.server.cookie, cookie::KEYS),
    },
    Table {
        path: "internal",
        about: "The listener for health, metrics and the admin interface. Keep it away from the clients' network",
        shown: |config| single("internal", &config.internal, internal::KEYS),
    },
    Table {
        path: "limits",
        about: "What one connection, one call or the whole host may use. No limit that has a default can be switched off; all can be raised",
        shown: |config| single("limits", &config.limits, limits::KEYS),
    },
    Table {
        path: "store",
        about: "The file of the store, in which plugins keep values that last",
        shown: |config| single("store", &config.store, store::KEYS),
    },
    Table {
        path: "adapter.redis",
        about: "The Redis through which several servers are one: broadcasts, rooms and questions reach the clients of all, those of Node's servers with `@socket.io/redis-adapter` included",
        shown: |config| single("adapter.redis", &config.redis, adapter::KEYS),
    },
    Table {
        path: "log",
        about: "The log, on stderr: lines on a terminal, JSON elsewhere",
        shown: |config| single("log", &config.log, log::KEYS),
    },
    Table {
        path: "generations",
        about: "How plugins are swapped while the server runs, and what is kept of those that served",
        shown: |config| single("generations", &config.generations, generations::KEYS),
    },
    Table {
        path: "wasm",
        about: "How components are compiled and instantiated",
        shown: |config| single("wasm", &config.wasm, wasm::KEYS),
    },
    Table {
        path: "keys.<name>",
        about: "The keys that the tokens of clients are verified with. A plugin names a key and never sees it",
        shown: |config| config.keys.iter().map(|key| named("keys", &key.name, key, keys::KEYS)).collect(),
    },
    Table {
        path: "plugins.<name>",
        about: "One table for each plugin. Their order in the file is the order of every chain",
        shown: |config| config.plugins.iter().map(|plugin| named("plugins", &plugin.name, plugin, plugins::KEYS)).collect(),
    },
];

/// A configuration with one entry in each table of names: so that every key has an owner to be described with.
pub(super) fn example() -> Config {
    let key = KeyConfig { algorithms: Vec::new(), ..KeyConfig::secret("<name>", Secret::new(String::new())) };
    Config { keys: vec![key], plugins: vec![PluginConfig::new("<name>", PathBuf::new())], ..Config::default() }
}

/// The keys of a table with their defaults.
pub(super) fn described(table: &Table) -> Vec<Row> {
    (table.shown)(&example()).into_iter().flat_map(|shown| shown.rows).collect()
}

/// The keys and tables that may stand in the table at this path, which may be `plugins.chat`.
pub(super) fn known(path: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for table in TABLES {
        if covers(table.path, path) {
            names.extend(described(table).iter().map(|row| row.name));
        }
        let below = if path.is_empty() {
            Some(table.path)
        } else {
            table.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'))
        };
        names.extend(below.and_then(|rest| rest.split('.').next()).filter(|name| *name != "<name>"));
    }
    names.dedup();
    names
}

/// Whether the path of a table, with its `<name>`, means this path.
fn covers(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix("<name>") {
        Some(parent) => path.strip_prefix(parent).is_some_and(|name| !name.is_empty()),
        None => pattern == path,
    }
}

/// A table that there is once.
fn single<T: Clone>(path: &str, owner: &T, keys: &[KeySpec<T>]) -> Vec<TableValues> {
    vec![TableValues { path: path.to_owned(), rows: rows(owner, keys) }]
}

/// A table that the operator names.
fn named<T: Clone>(parent: &str, name: &str, owner: &T, keys: &[KeySpec<T>]) -> TableValues {
    TableValues { path: format!("{parent}.{}", toml_text::key(name)), rows: rows(owner, keys) }
}
