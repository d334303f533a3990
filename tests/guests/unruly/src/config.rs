//! The plugin's table of the configuration.

use std::collections::BTreeMap;

use innkeeper_plugin::bindings::innkeeper::plugin::config;
use serde::Deserialize;
use serde_json::Value;

/// What the operator configured.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// `shared` or `pooled`.
    pub(crate) mode: String,
    /// What it calls itself in the events that it emits.
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default = "root")]
    pub(crate) namespace: String,
    /// What is done in hooks that concern no client: `start`, `snapshot`, `restore`.
    #[serde(default)]
    pub(crate) plans: BTreeMap<String, Value>,
}

fn root() -> String {
    "/".to_owned()
}

impl Config {
    /// The configuration, or what is wrong with it, for the operator.
    pub(crate) fn read() -> Result<Self, String> {
        serde_json::from_str(&config::all()).map_err(|error| format!("config: {error}"))
    }

    /// The configuration of a plugin that was loaded.
    pub(crate) fn loaded() -> Self {
        Self::read().unwrap_or_else(|_| Self {
            mode: String::new(),
            name: String::new(),
            namespace: root(),
            plans: BTreeMap::new(),
        })
    }
}
