//! Why a plugin cannot be loaded: the problem, its place and the remedy.

use std::path::PathBuf;

use crate::store::StoreError;

/// A plugin that was not loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginError {
    #[error("plugin {plugin:?}: cannot read {}: {source}", path.display())]
    Read { plugin: String, path: PathBuf, source: std::io::Error },

    #[error("plugin {plugin:?}: {} is {what}; build it with `innkeeper build`", path.display())]
    NotAComponent { plugin: String, path: PathBuf, what: &'static str },

    #[error("plugin {plugin:?}: {} is not a valid component: {source:#}", path.display())]
    Invalid { plugin: String, path: PathBuf, source: wasmtime::Error },

    #[error(
        "plugin {plugin:?}: {} is a component without the exports of a plugin; in Rust write `export!(plugin);` at the end of its lib.rs and build it again",
        path.display()
    )]
    NoExports { plugin: String, path: PathBuf },

    #[error("plugin {plugin:?}: {} does not fit this host: {source:#}; the host speaks the contract innkeeper:plugin@0.1", path.display())]
    DoesNotFit { plugin: String, path: PathBuf, source: wasmtime::Error },

    #[error("plugin {plugin:?}: `register` did not answer: {source:#}")]
    Register { plugin: String, source: wasmtime::Error },

    #[error("plugin {plugin:?}: its registration says {what}")]
    Registration { plugin: String, what: String },

    /// The plugin's own message: the plugin cannot work with its configuration.
    #[error("plugin {plugin:?}: {message}; see [plugins.{plugin}.config]")]
    Refused { plugin: String, message: String },

    #[error(
        "plugin {plugin:?}: requests the capability \"jwt:{key}\", and there is no key {key:?}; add a table [keys.{key}] with secret, public_key or jwks"
    )]
    NoKey { plugin: String, key: String },

    #[error(
        "plugin {plugin:?}: registers {}, which [plugins.{plugin}] does not list; to allow that, write {line}",
        quoted("the namespace", "the namespaces", namespaces)
    )]
    NotListed { plugin: String, namespaces: Vec<String>, line: String },

    #[error(
        "plugin {plugin:?}: registers the namespace {namespace:?}, and so does {other:?}; plugins share a namespace only if each of them lists it; write {}",
        lines.join(", and ")
    )]
    Shared { plugin: String, other: String, namespace: String, lines: Vec<String> },

    /// `grants` are those that the operator wrote, and the missing ones.
    #[error(
        "plugin {plugin:?}: requests {}; to grant {}, write grants = {grants:?} in [plugins.{plugin}]",
        quoted("the capability", "the capabilities", missing),
        if missing.len() == 1 { "it" } else { "them" }
    )]
    NotGranted { plugin: String, missing: Vec<String>, grants: Vec<String> },

    #[error("plugin {plugin:?} needs the store: {source}")]
    Store { plugin: String, source: StoreError },

    #[error("the WebAssembly engine does not start: {0:#}")]
    Engine(wasmtime::Error),
}

/// `the capability "store"`, or `the capabilities "store", "jwt"`.
fn quoted(one: &str, several: &str, names: &[String]) -> String {
    let noun = if names.len() == 1 { one } else { several };
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("{noun} {}", names.join(", "))
}

/// `namespaces = ["/", "/chat"]`, as a configuration has it.
pub(super) fn namespaces_line<'n>(names: impl Iterator<Item = &'n str>) -> String {
    format!("namespaces = {:?}", names.collect::<Vec<_>>())
}
