//! Why a plugin cannot be loaded: the problem, its place and the remedy.

use std::path::PathBuf;

use super::compiler::error::CompileError;
use super::parts::PartsError;

/// A plugin that cannot be loaded, for one of its problems.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin:?}: {problem}")]
pub(crate) struct PluginError {
    pub(crate) plugin: String,
    #[source]
    pub(crate) problem: LoadProblem,
}

/// An engine does not start.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine does not start: {0:#}")]
pub(crate) struct EngineError(pub(super) wasmtime::Error);

/// What keeps a plugin from being loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadProblem {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },

    #[error("{} has more than {bytes_max} bytes (component_bytes_max in [limits])", path.display())]
    TooLarge { path: PathBuf, bytes_max: usize },

    #[error("{} {source}", path.display())]
    Parts { path: PathBuf, source: PartsError },

    #[error("{} {source}", path.display())]
    Compile { path: PathBuf, source: CompileError },

    #[error("{} is {what}; build it with `innkeeper build`", path.display())]
    NotAComponent { path: PathBuf, what: &'static str },

    #[error("{} is not a valid component: {source:#}", path.display())]
    Invalid { path: PathBuf, source: wasmtime::Error },

    #[error(
        "{} is a component without the exports of a plugin; in Rust write `export!(plugin);` at the end of its lib.rs and build it again",
        path.display()
    )]
    NoExports { path: PathBuf },

    #[error("{} does not fit this host: {source:#}; the host speaks the contract innkeeper:plugin@0.1", path.display())]
    DoesNotFit { path: PathBuf, source: wasmtime::Error },

    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error("`register` did not answer: {source:#}")]
    Register { source: wasmtime::Error },

    #[error("its registration says {what}")]
    Registration { what: String },

    /// The plugin's own message: the plugin cannot work with its configuration.
    #[error("{message}")]
    Refused { message: String },

    #[error(
        "requests the capability \"jwt:{key}\", and there is no key {key:?}; add a table [keys.{key}], with a secret, a public key or a JWKS"
    )]
    NoKey { key: String },

    /// The names of namespaces, and the texts of patterns.
    #[error(
        "registers {}, which [plugins.{plugin}] does not list; to allow that, write {line}",
        quoted("the namespace", "the namespaces", namespaces)
    )]
    NotListed { plugin: String, namespaces: Vec<String>, line: String },

    #[error(
        "registers {registered}, and {meets}; plugins share a namespace only if each of them lists it; write {}",
        lines.join(", and ")
    )]
    Shared { registered: String, meets: String, lines: Vec<String> },

    /// `grants` are those that the operator wrote, and the missing ones.
    #[error(
        "requests {}; to grant {}, write grants = {grants:?} in [plugins.{plugin}]",
        quoted("the capability", "the capabilities", missing),
        if missing.len() == 1 { "it" } else { "them" }
    )]
    NotGranted { plugin: String, missing: Vec<String>, grants: Vec<String> },
}

impl LoadProblem {
    /// The key of the plugin's table that has to change, and what is wrong with it. The key is empty for the table itself.
    pub(crate) fn placed(&self) -> (String, String) {
        let key = match self {
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::Parts { .. }
            | Self::Compile { .. }
            | Self::NotAComponent { .. }
            | Self::Invalid { .. }
            | Self::NoExports { .. }
            | Self::DoesNotFit { .. } => "component",
            Self::Refused { message } => return placed_by_plugin(message),
            Self::NotGranted { .. } => "grants",
            Self::NotListed { .. } | Self::Shared { .. } => "namespaces",
            Self::Engine(_) | Self::Register { .. } | Self::Registration { .. } | Self::NoKey { .. } => "",
        };
        (key.to_owned(), self.to_string())
    }
}

/// A message `config: <key>: <what>` is about this key of the plugin's `config`.
fn placed_by_plugin(message: &str) -> (String, String) {
    let about = message.strip_prefix("config: ").unwrap_or(message);
    let is_key = |key: &str| {
        !key.is_empty() && key.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '[' | ']'))
    };
    match about.split_once(": ") {
        Some((key, what)) if about != message && is_key(key) => (format!("config.{key}"), what.to_owned()),
        _ => ("config".to_owned(), about.to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use super::LoadProblem;

    #[test]
    fn a_plugin_can_say_which_key_of_its_configuration_is_wrong() {
        let placed = |message: &str| LoadProblem::Refused { message: message.into() }.placed();
        let at = |key: &str, what: &str| (key.to_owned(), what.to_owned());
        assert_eq!(placed("config: window_ms: give at least 1"), at("config.window_ms", "give at least 1"));
        assert_eq!(placed("config: per[0].kind: unknown: ip"), at("config.per[0].kind", "unknown: ip"));
        assert_eq!(placed("config: missing field `a`: b"), at("config", "missing field `a`: b"));
        assert_eq!(placed("config: too large"), at("config", "too large"));
        assert_eq!(placed("window_ms: too large"), at("config", "window_ms: too large"));
    }
}
