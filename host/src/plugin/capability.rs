//! Capabilities: a registration asks, the operator grants, the host refuses the rest when the plugin is loaded.

use crate::config::CAPABILITIES;

/// Keys and values that last.
pub(crate) const STORE: &str = "store";

/// Verification of tokens.
pub(crate) const JWT: &str = "jwt";

/// Limits of rate.
pub(crate) const RATE_LIMIT: &str = "rate-limit";

/// `auth`, cookies and the authorization header of a handshake.
pub(crate) const HANDSHAKE_SECRETS: &str = "handshake:secrets";

/// Writes to, and questions about, namespaces that the plugin does not serve.
pub(crate) const NAMESPACES: &str = "namespaces";

/// Whether there is a capability of this name.
pub(crate) fn is_known(name: &str) -> bool {
    CAPABILITIES.contains(&name)
}

/// All names, for error messages.
pub(crate) fn names() -> String {
    CAPABILITIES.join(", ")
}
