//! The reference plugins, and what the built-in configuration gives each of them.
//!
//! Grants and namespaces are named here, plugin by plugin, as an operator names them in a file: what a component requests
//! decides nothing.

use std::path::PathBuf;

use crate::config::PluginConfig;

/// A plugin of this repository.
pub(super) struct ReferencePlugin {
    /// The plugin's folder in `plugins/`, and the name of its component.
    pub(super) name: &'static str,
    grants: &'static [&'static str],
    namespaces: &'static [&'static str],
}

/// In the order of their chain.
pub(super) const REFERENCE_PLUGINS: [ReferencePlugin; 5] = [
    ReferencePlugin { name: "audit", grants: &[], namespaces: &["/", "/chat"] },
    ReferencePlugin { name: AUTH, grants: &["jwt:default", "handshake:secrets", "store:users"], namespaces: &["/", "/chat"] },
    ReferencePlugin { name: "rate-limit", grants: &["rate-limit"], namespaces: &["/", "/chat"] },
    ReferencePlugin { name: "chat", grants: &["store:messages"], namespaces: &["/chat"] },
    ReferencePlugin { name: "echo", grants: &[], namespaces: &["/"] },
];
/// Refuses every client without a token, and so every client where there is no key to verify tokens with.
pub(super) const AUTH: &str = "auth";

impl ReferencePlugin {
    /// The plugin's table in the built-in configuration: default limits, no configuration of its own.
    pub(super) fn configured(&self, component: PathBuf) -> PluginConfig {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        PluginConfig {
            grants: owned(self.grants),
            namespaces: Some(owned(self.namespaces)),
            ..PluginConfig::new(self.name, component)
        }
    }
}
