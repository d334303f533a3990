//! Every key of `innkeeper.toml`, described once.
//!
//! A [`KeySpec`] says what a key is called, where its value lives and why it is there; its type, range and default come out of
//! its [`Field`] and of the `Default` of what it sets. The reader, the hints at unknown keys, `innkeeper config init | show` and
//! `docs/configuration.md` all go through [`TABLES`]: a key that is not there is unknown to all of them, even where a section
//! asks for it by name.

use std::path::PathBuf;

use serde_json::Value;

use super::field::Field;
use super::keys::{self, KeyConfig, Secret};
use super::{Config, PluginConfig, cookie, limits, plugins, server, store};

/// One key of a table that sets something in a `T`.
#[derive(Debug)]
pub(super) struct KeySpec<T: 'static> {
    pub(super) name: &'static str,
    pub(super) field: fn(&mut T) -> Field<'_>,
    /// The operator's reason, in one line and without a full stop.
    pub(super) why: &'static str,
    /// What it is called in Socket.IO's options.
    pub(super) socket_io: &'static str,
    /// The environment variable that goes over the file.
    pub(super) variable: &'static str,
    /// The flag that goes over the environment.
    pub(super) flag: &'static str,
    /// A value as TOML, where there is no default to show.
    pub(super) example: &'static str,
}

/// One table of the file.
#[derive(Debug)]
pub(super) struct Table {
    /// `server.cors`; `plugins.<name>` where the operator gives the names.
    pub(super) path: &'static str,
    /// What it is for, in one line.
    pub(super) about: &'static str,
    /// Its tables in a configuration: one, or one for each name.
    pub(super) shown: fn(&Config) -> Vec<TableValues>,
}

/// A table with its values.
#[derive(Debug)]
pub(super) struct TableValues {
    /// `plugins.chat`
    pub(super) path: String,
    pub(super) rows: Vec<Row>,
}

/// A key with its value, whatever it is that it sets.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Its type and range in words.
    pub(super) kind: String,
    /// As the file would say it; a table of free content is an object. `None`: it is not set.
    pub(super) value: Option<Value>,
    pub(super) why: &'static str,
    pub(super) socket_io: &'static str,
    pub(super) variable: &'static str,
    pub(super) flag: &'static str,
    pub(super) example: &'static str,
}

/// The whole file, in the order in which it is shown.
pub(super) const TABLES: &[Table] = &[
    Table {
        path: "server",
        about: "The listener for clients. What has a namesake in Socket.IO has the same default",
        shown: |config| host(config, "server", server::KEYS),
    },
    Table {
        path: "server.cors",
        about: "Which web pages may connect, by polling and by websocket alike",
        shown: |config| host(config, "server.cors", server::CORS_KEYS),
    },
    Table {
        path: "server.cookie",
        about: "A cookie with the session's id, for load balancers that keep a client on one node by it",
        shown: |config| host(config, "server.cookie", cookie::KEYS),
    },
    Table {
        path: "internal",
        about: "The listener for health and metrics. Keep it away from the clients' network",
        shown: |config| host(config, "internal", server::INTERNAL_KEYS),
    },
    Table {
        path: "limits",
        about: "What one connection, one call or the whole host may use. No bound can be switched off; all can be raised",
        shown: |config| host(config, "limits", limits::KEYS),
    },
    Table {
        path: "store",
        about: "The file in which plugins keep what outlives them",
        shown: |config| host(config, "store", store::KEYS),
    },
    Table {
        path: "keys.<name>",
        about: "What the tokens of clients are verified with. Plugins ask by this name and never see the key",
        shown: |config| config.keys.iter().map(|key| named("keys", &key.name, key, keys::KEYS)).collect(),
    },
    Table {
        path: "plugins.<name>",
        about: "One table for each plugin. Their order in the file is the order of every chain",
        shown: |config| config.plugins.iter().map(|plugin| named("plugins", &plugin.name, plugin, plugins::KEYS)).collect(),
    },
];

/// A configuration with one entry in each table of names: what the keys are described by.
pub(super) fn example() -> Config {
    let key = KeyConfig { algorithms: Vec::new(), ..KeyConfig::secret("<name>", Secret::new(String::new())) };
    Config { keys: vec![key], plugins: vec![PluginConfig::new("<name>", PathBuf::new())], ..Config::default() }
}

/// The keys of a table as they are before anybody sets them.
pub(super) fn described(table: &Table) -> Vec<Row> {
    (table.shown)(&example()).into_iter().flat_map(|shown| shown.rows).collect()
}

/// What may stand in the table at this path, which may be `plugins.chat`.
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

impl<T> KeySpec<T> {
    pub(super) const fn new(name: &'static str, field: fn(&mut T) -> Field<'_>, why: &'static str) -> Self {
        Self { name, field, why, socket_io: "", variable: "", flag: "", example: "" }
    }

    /// What it is called in Socket.IO's options.
    pub(super) const fn socket_io(self, socket_io: &'static str) -> Self {
        Self { socket_io, ..self }
    }

    /// The environment variable that goes over the file.
    pub(super) const fn variable(self, variable: &'static str) -> Self {
        Self { variable, ..self }
    }

    /// The flag that goes over the environment.
    pub(super) const fn flag(self, flag: &'static str) -> Self {
        Self { flag, ..self }
    }

    /// A value as TOML, where there is no default to show.
    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    fn row(&self, owner: &mut T) -> Row {
        let field = (self.field)(owner);
        Row {
            name: self.name,
            kind: field.kind(),
            value: field.value(),
            why: self.why,
            socket_io: self.socket_io,
            variable: self.variable,
            flag: self.flag,
            example: self.example,
        }
    }
}

/// A table that there is once.
fn host(config: &Config, path: &str, keys: &[KeySpec<Config>]) -> Vec<TableValues> {
    vec![TableValues { path: path.to_owned(), rows: rows(config, keys) }]
}

/// A table of the operator's naming. A name that is not one word is put in quotes by whoever writes it.
fn named<T: Clone>(parent: &str, name: &str, owner: &T, keys: &[KeySpec<T>]) -> TableValues {
    TableValues { path: format!("{parent}.{name}"), rows: rows(owner, keys) }
}

fn rows<T: Clone>(owner: &T, keys: &[KeySpec<T>]) -> Vec<Row> {
    // A field reads and writes; the copy is what it may write to here.
    let mut owner = owner.clone();
    keys.iter().map(|key| key.row(&mut owner)).collect()
}
