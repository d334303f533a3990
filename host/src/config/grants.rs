//! What a plugin may be granted: capabilities, whole or narrowed, and namespaces.

use innkeeper_contract::capabilities::{ALL, HTTP, JWT, NAMESPACES, STORE};
use innkeeper_contract::limits::BUCKET_NAME_BYTES_MAX;

use super::problem::Problem;
use super::value::{RawValue, text, word};

/// As in [`ALL`], which a test compares.
pub(super) const GRANTS_KIND: &str = "list of \"store\", \"jwt\", \"http\", \"rate-limit\", \"handshake:secrets\", \"namespaces\", \"cluster\"; narrower: \"store:users\", \"jwt:default\", \"http:api.example.org\", \"namespaces:/admin\"";

/// How a capability is narrowed.
struct Narrowing {
    capability: &'static str,
    /// What the entry names, for the operator.
    what: &'static str,
    example: &'static str,
    /// What the name must be like, for the operator.
    rule: &'static str,
    is_valid: fn(&str) -> bool,
}

const NARROWINGS: [Narrowing; 4] = [
    Narrowing { capability: STORE, what: "bucket", example: "store:users", rule: "a name of 1 to 64 bytes", is_valid: is_name },
    Narrowing { capability: JWT, what: "key", example: "jwt:default", rule: "a name of 1 to 64 bytes", is_valid: is_name },
    Narrowing {
        capability: HTTP,
        what: "host",
        example: "http:api.example.org",
        rule: "host or host:port, and http:// before it for a host without TLS; no path",
        is_valid: is_host,
    },
    Narrowing {
        capability: NAMESPACES,
        what: "namespace",
        example: "namespaces:/admin",
        rule: "a name that begins with a slash",
        is_valid: is_namespace,
    },
];

/// An entry of `grants`: a capability, or a part of one, as `store:users`. A capability that has no parts is granted whole or not at all.
pub(super) fn grant(raw: &RawValue) -> Result<String, Problem> {
    let narrowed = |unknown| match text(raw) {
        Ok(written) => narrowed(&written).unwrap_or(Err(unknown)),
        Err(_) => Err(unknown),
    };
    word(raw, &ALL, "capability").map(str::to_owned).or_else(narrowed)
}

/// An entry of a plugin's `namespaces`: a name, or the text of a pattern.
pub(super) fn namespace(raw: &RawValue) -> Result<String, Problem> {
    let written = text(raw)?;
    if is_namespace(&written) || is_pattern(&written) {
        return Ok(written);
    }
    let with_slash = format!("/{written}");
    let remedy = match is_namespace(&with_slash) {
        true => format!("a name begins with a slash: {with_slash:?}"),
        false => "use a name that begins with a slash and has no spaces".to_owned(),
    };
    Err(Problem::new(format!("{written:?} is not a namespace"), remedy))
}

/// An entry of the store's `memory`.
pub(super) fn bucket(raw: &RawValue) -> Result<String, Problem> {
    let written = text(raw)?;
    match is_name(&written) {
        true => Ok(written),
        false => Err(Problem::new(format!("{written:?} is not a bucket"), "use a name of 1 to 64 bytes")),
    }
}

/// What to make of `store:users` or `jwt=default`; `None` if it does not begin with a capability.
fn narrowed(written: &str) -> Option<Result<String, Problem>> {
    let (name, part) = written.split_once([':', '=']).filter(|(name, _)| ALL.contains(name))?;
    let Some(Narrowing { what, example, rule, is_valid, .. }) = NARROWINGS.iter().find(|known| known.capability == name) else {
        let problem = format!("{written:?}: the capability {name:?} cannot be narrowed");
        return Some(Err(Problem::new(problem, format!("write {name:?}, or leave it out"))));
    };
    if written == format!("{name}:{part}") && is_valid(part) {
        return Some(Ok(written.to_owned()));
    }
    let remedy = format!("write {example:?}, one entry for each {what}: {rule}");
    Some(Err(Problem::new(format!("{written:?} names no {what}"), remedy)))
}

fn is_name(part: &str) -> bool {
    (1..=BUCKET_NAME_BYTES_MAX).contains(&part.len())
}

/// `api.example.org`, `api.example.org:8443`, `http://localhost:8080`, `[::1]:8080`.
fn is_host(part: &str) -> bool {
    let authority = part.strip_prefix("http://").unwrap_or(part);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_address || host.split('.').all(is_label)) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_namespace(name: &str) -> bool {
    name.starts_with('/') && !name.contains(char::is_whitespace)
}

/// What can only be a pattern: the expressions of JavaScript begin with `^` or with a slash that is escaped.
fn is_pattern(text: &str) -> bool {
    text.starts_with(['^', '\\', '(', '[', '.'])
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::capabilities::{ALL, NARROWABLE};

    use super::{GRANTS_KIND, NARROWINGS, is_host};

    #[test]
    fn the_description_of_grants_names_every_capability() {
        let named: Vec<_> = ALL.iter().map(|name| format!("\"{name}\"")).collect();
        assert!(GRANTS_KIND.starts_with(&format!("list of {}; ", named.join(", "))));
        assert_eq!(NARROWINGS.map(|narrowing| narrowing.capability), NARROWABLE);
        for narrowing in NARROWINGS {
            let part = narrowing.example.strip_prefix(narrowing.capability).and_then(|rest| rest.strip_prefix(':'));
            assert!(part.is_some_and(narrowing.is_valid), "{}", narrowing.example);
            assert!(GRANTS_KIND.contains(&format!("\"{}\"", narrowing.example)));
        }
    }

    #[test]
    fn a_host_is_granted_by_name_without_path_user_or_wildcard() {
        for valid in
            ["api.example.org", "localhost", "api.example.org:8443", "http://localhost:8080", "127.0.0.1", "[::1]", "[::1]:80"]
        {
            assert!(is_host(valid), "{valid}");
        }
        for invalid in [
            "",
            "*",
            "*.example.org",
            "example.org/path",
            "me@example.org",
            "https://example.org",
            "example.org:0",
            "example.org:",
            "a b",
            "::1",
        ] {
            assert!(!is_host(invalid), "{invalid}");
        }
    }
}
