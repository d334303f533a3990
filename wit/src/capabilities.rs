//! Names of capabilities: a registration requests them, the operator grants them, the host denies the rest.
//!
//! A request and a grant may be narrowed: `store:users`, `jwt:default`, `http:api.example.org`, `namespaces:/admin`.

/// Keys and values that outlive the host. Narrowed by a bucket.
pub const STORE: &str = "store";
/// Verification of JSON Web Tokens. Narrowed by the name of a key.
pub const JWT: &str = "jwt";
/// Requests to other servers. Narrowed by a host.
pub const HTTP: &str = "http";
/// Limits of rate.
pub const RATE_LIMIT: &str = "rate-limit";
/// `auth` of a handshake, and those of its headers that prove an identity ([`SECRET_HEADERS`]).
pub const HANDSHAKE_SECRETS: &str = "handshake:secrets";
/// Writes to, and questions about, namespaces that the plugin does not serve. Narrowed by a namespace.
pub const NAMESPACES: &str = "namespaces";
/// `io.serverSideEmit` and its handlers.
pub const CLUSTER: &str = "cluster";

/// All of them.
pub const ALL: [&str; 7] = [STORE, JWT, HTTP, RATE_LIMIT, HANDSHAKE_SECRETS, NAMESPACES, CLUSTER];

/// Those that can be narrowed.
pub const NARROWABLE: [&str; 4] = [STORE, JWT, HTTP, NAMESPACES];

/// The headers of a handshake that a plugin sees only with [`HANDSHAKE_SECRETS`].
pub const SECRET_HEADERS: [&str; 2] = ["cookie", "authorization"];

/// The name of a capability and what it is narrowed to: `("store", Some("users"))` of `store:users`. `None` if there is no capability
/// of this name, or it cannot be narrowed.
pub fn parse(text: &str) -> Option<(&'static str, Option<&str>)> {
    if let Some(name) = ALL.into_iter().find(|name| *name == text) {
        return Some((name, None));
    }
    let (name, narrowed) = text.split_once(':')?;
    let name = NARROWABLE.into_iter().find(|known| *known == name)?;
    (!narrowed.is_empty()).then_some((name, Some(narrowed)))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_capability_may_be_narrowed_if_it_has_parts() {
        for unknown in ["magic", "store:", "rate-limit:x", "handshake", "handshake:other", ""] {
            assert_eq!(parse(unknown), None, "{unknown}");
        }
        assert_eq!(parse("store"), Some(("store", None)));
        assert_eq!(parse("handshake:secrets"), Some(("handshake:secrets", None)));
        assert_eq!(parse("http:api.example.org:8443"), Some(("http", Some("api.example.org:8443"))));
    }
}
