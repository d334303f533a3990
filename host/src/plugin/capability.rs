//! Capabilities: a registration asks, the operator grants, the host refuses the rest when the plugin is loaded.

/// What a registration may ask for. Everything else needs no grant.
const KNOWN: [&str; 7] = [STORE, JWT, "http", RATE_LIMIT, HANDSHAKE_SECRETS, NAMESPACES, "cluster"];

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
    KNOWN.contains(&name)
}

/// All names, for error messages.
pub(crate) fn names() -> String {
    KNOWN.join(", ")
}
