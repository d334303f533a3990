//! The reference plugins, and what the built-in configuration gives each of them.
//!
//! Grants and namespaces are named here, plugin by plugin, as an operator names them in a file: what a component requests
//! decides nothing.

use std::path::PathBuf;

use crate::config::PluginConfig;

/// A plugin of this repository.
pub(super) struct ReferencePlugin {
    pub(super) name: &'static str,
    /// The folder in `plugins/` that the component is built from, and the component's name.
    pub(super) folder: &'static str,
    grants: &'static [&'static str],
    namespaces: &'static [&'static str],
    /// The plugin's own configuration, as JSON.
    config: &'static str,
}

/// In the order of their chain. Addresses are counted before `auth`, so that wrong tokens are counted too, and users behind it.
pub(super) const REFERENCE_PLUGINS: [ReferencePlugin; 6] = [
    ReferencePlugin { name: "audit", folder: "audit", grants: &[], namespaces: &["/", "/chat"], config: "{}" },
    ReferencePlugin {
        name: ATTEMPTS,
        folder: RATE_LIMIT,
        grants: &["rate-limit"],
        namespaces: &["/", "/chat"],
        config: r#"{"per": ["address"]}"#,
    },
    ReferencePlugin {
        name: AUTH,
        folder: AUTH,
        grants: &["jwt:default", "handshake:secrets", "store:users"],
        namespaces: &["/", "/chat"],
        config: "{}",
    },
    ReferencePlugin {
        name: RATE_LIMIT,
        folder: RATE_LIMIT,
        grants: &["rate-limit"],
        namespaces: &["/", "/chat"],
        config: r#"{"per": ["user", "socket"]}"#,
    },
    ReferencePlugin { name: "chat", folder: "chat", grants: &["store:messages"], namespaces: &["/chat"], config: "{}" },
    ReferencePlugin { name: "echo", folder: "echo", grants: &[], namespaces: &["/"], config: "{}" },
];
/// Counts addresses.
pub(super) const ATTEMPTS: &str = "attempts";
/// Counts users and sockets.
const RATE_LIMIT: &str = "rate-limit";
/// Refuses every client without a token, and so every client where there is no key to verify tokens with.
pub(super) const AUTH: &str = "auth";

impl ReferencePlugin {
    /// The plugin's table in the built-in configuration: with default limits.
    pub(super) fn configured(&self, component: PathBuf) -> PluginConfig {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        PluginConfig {
            grants: owned(self.grants),
            namespaces: Some(owned(self.namespaces)),
            config: self.config.to_owned(),
            ..PluginConfig::new(self.name, component)
        }
    }
}
