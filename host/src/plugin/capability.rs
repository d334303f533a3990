//! Capabilities: a registration requests them, the operator grants them, and the host denies the rest when the plugin is loaded.

use std::collections::BTreeSet;

use innkeeper_contract::capabilities;

/// What needs a grant; everything else that a plugin can do on its own namespaces needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    /// Keys and values that outlive the host; narrowed by a bucket.
    Store,
    /// Verification of tokens; narrowed by the name of a key.
    Jwt,
    /// Requests to other servers; narrowed by a host.
    Http,
    /// Limits of rate.
    RateLimit,
    /// `auth`, cookies and the authorization header of a handshake.
    HandshakeSecrets,
    /// Writes to, and questions about, namespaces that the plugin does not serve; narrowed by a namespace.
    Namespaces,
    /// `io.serverSideEmit`, and its handlers.
    Cluster,
}

impl Capability {
    const ALL: [Self; 7] =
        [Self::Store, Self::Jwt, Self::Http, Self::RateLimit, Self::HandshakeSecrets, Self::Namespaces, Self::Cluster];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Store => capabilities::STORE,
            Self::Jwt => capabilities::JWT,
            Self::Http => capabilities::HTTP,
            Self::RateLimit => capabilities::RATE_LIMIT,
            Self::HandshakeSecrets => capabilities::HANDSHAKE_SECRETS,
            Self::Namespaces => capabilities::NAMESPACES,
            Self::Cluster => capabilities::CLUSTER,
        }
    }
}

/// How far a capability reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Whole,
    /// The buckets, keys, hosts or namespaces that narrower entries name.
    Parts(BTreeSet<String>),
}

impl Scope {
    fn covers(&self, part: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Parts(parts) => parts.contains(part),
        }
    }
}

/// A set of capabilities, each with its scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Each capability at most once.
    list: Vec<(Capability, Scope)>,
}

impl Capabilities {
    /// Reads a list such as `["store:users", "rate-limit"]`. The error is the first entry that is no capability.
    pub(crate) fn parse<'e>(entries: impl IntoIterator<Item = &'e String>) -> Result<Self, &'e str> {
        let mut list = Self::default();
        for entry in entries {
            let (capability, part) = parse(entry).ok_or(entry.as_str())?;
            list.add(capability, part);
        }
        Ok(list)
    }

    /// What a plugin may do that requests `self`: no more than what it requests and no more than what it is granted. The error is
    /// the first entry that has to be granted.
    pub(crate) fn granted_by(&self, grants: &[String]) -> Result<Self, Vec<String>> {
        // The configuration has refused what is no capability.
        let granted = Self::parse(grants).unwrap_or_default();
        let (mut list, mut missing) = (Vec::new(), Vec::new());
        for (capability, requested) in &self.list {
            let name = capability.name();
            let scope = granted.scope(*capability);
            match requested {
                Scope::Whole => match scope {
                    Some(scope) => list.push((*capability, scope.clone())),
                    None => missing.push(name.to_owned()),
                },
                Scope::Parts(parts) => {
                    let denied = parts.iter().filter(|part| !scope.is_some_and(|scope| scope.covers(part)));
                    missing.extend(denied.map(|part| format!("{name}:{part}")));
                    list.push((*capability, requested.clone()));
                }
            }
        }
        if missing.is_empty() { Ok(Self { list }) } else { Err(missing) }
    }

    /// The list, as an operator grants it.
    pub(crate) fn entries(&self) -> Vec<String> {
        let entry = |(capability, scope): &(Capability, Scope)| match scope {
            Scope::Whole => vec![capability.name().to_owned()],
            Scope::Parts(parts) => parts.iter().map(|part| format!("{}:{part}", capability.name())).collect(),
        };
        self.list.iter().flat_map(entry).collect()
    }

    /// Whether the capability is there, in whatever scope.
    pub(crate) fn has(&self, capability: Capability) -> bool {
        self.scope(capability).is_some()
    }

    /// Whether the capability is there and reaches this bucket, key, host or namespace.
    pub(crate) fn covers(&self, capability: Capability, part: &str) -> bool {
        self.scope(capability).is_some_and(|scope| scope.covers(part))
    }

    /// The buckets, keys, hosts or namespaces that a narrowed capability names. None if it is whole, or not there.
    pub(crate) fn parts(&self, capability: Capability) -> Option<&BTreeSet<String>> {
        match self.scope(capability)? {
            Scope::Whole => None,
            Scope::Parts(parts) => Some(parts),
        }
    }

    fn scope(&self, capability: Capability) -> Option<&Scope> {
        self.list.iter().find(|(listed, _)| *listed == capability).map(|(_, scope)| scope)
    }

    /// Beside the whole capability, narrower entries mean nothing.
    fn add(&mut self, capability: Capability, part: Option<&str>) {
        let listed = self.list.iter_mut().find(|(listed, _)| *listed == capability);
        match (listed, part) {
            (None, None) => self.list.push((capability, Scope::Whole)),
            (None, Some(part)) => self.list.push((capability, Scope::Parts(BTreeSet::from([part.to_owned()])))),
            (Some((_, scope)), None) => *scope = Scope::Whole,
            (Some((_, Scope::Parts(parts))), Some(part)) => {
                parts.insert(part.to_owned());
            }
            (Some((_, Scope::Whole)), Some(_)) => {}
        }
    }
}

fn parse(entry: &str) -> Option<(Capability, Option<&str>)> {
    let (name, part) = capabilities::parse(entry)?;
    Capability::ALL.into_iter().find(|capability| capability.name() == name).map(|capability| (capability, part))
}

/// All names, for error messages.
pub(crate) fn names() -> String {
    capabilities::ALL.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, Capability};

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    fn granted(requested: &[&str], grants: &[&str]) -> Result<Capabilities, Vec<String>> {
        let requested = list(requested);
        Capabilities::parse(&requested).unwrap().granted_by(&list(grants))
    }

    #[test]
    fn what_is_no_capability_is_named() {
        assert_eq!(Capabilities::parse(&list(&["store", "stor"])), Err("stor"));
        assert_eq!(Capabilities::parse(&list(&["rate-limit:x"])), Err("rate-limit:x"));
    }

    #[test]
    fn what_is_not_granted_is_named_as_it_would_be_granted() {
        assert_eq!(granted(&["store"], &[]), Err(list(&["store"])));
        assert_eq!(granted(&["store:users"], &["jwt"]), Err(list(&["store:users"])));
        assert_eq!(granted(&["store:users", "store:rooms"], &["store:users"]), Err(list(&["store:rooms"])));
        assert_eq!(granted(&["jwt", "store:users", "cluster"], &["jwt"]), Err(list(&["store:users", "cluster"])), "all at once");
    }

    #[test]
    fn a_plugin_has_no_more_than_it_requests_and_no_more_than_it_is_granted() {
        let users = |capabilities: &Capabilities| ["users", "rooms"].map(|bucket| capabilities.covers(Capability::Store, bucket));
        assert_eq!(users(&granted(&["store"], &["store"]).unwrap()), [true, true]);
        assert_eq!(users(&granted(&["store"], &["store:users"]).unwrap()), [true, false]);
        assert_eq!(users(&granted(&["store:users"], &["store"]).unwrap()), [true, false]);
        assert_eq!(users(&granted(&["store:users"], &["store:rooms", "store:users"]).unwrap()), [true, false]);
        assert!(!granted(&["jwt"], &["jwt", "store"]).unwrap().has(Capability::Store));
    }
}
