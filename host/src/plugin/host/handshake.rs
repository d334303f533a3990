//! The handshake of a socket, as far as a guest requests it and may see it.

use std::borrow::Cow;

use innkeeper_contract::limits::HANDSHAKE_FIELDS_MAX;
use innkeeper_contract::{Refusal, capabilities, fields, refusals};

use crate::adapter::{HandshakeCopy, Socket};

/// The parts of a handshake that are copied only on request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HandshakeFields {
    pub(crate) address: bool,
    pub(crate) query: Names,
    pub(crate) url: bool,
    pub(crate) headers: Names,
    pub(crate) auth: bool,
}

/// The headers, or the parameters of the query, that are requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    All,
    These(Vec<String>),
}

impl HandshakeFields {
    /// The parts of these names; unknown names are ignored.
    pub(crate) fn parse(names: &[String]) -> Result<Self, Refusal> {
        if names.len() > HANDSHAKE_FIELDS_MAX {
            return Err(refusals::handshake_fields());
        }
        let has = |name: &str| names.iter().any(|field| field == name);
        Ok(Self {
            address: has(fields::ADDRESS),
            query: Names::of(names, fields::QUERY),
            url: has(fields::URL),
            headers: Names::of(names, fields::HEADERS),
            auth: has(fields::AUTH),
        })
    }

    /// The copy of a handshake; what was not requested is empty, or none. `with_secrets`: whether the guest may see what proves an identity.
    pub(super) fn of(&self, socket: &Socket, with_secrets: bool) -> HandshakeCopy {
        let from = socket.handshake();
        let request = &*from.request;
        let may_see = |(name, _): &(&str, &str)| with_secrets || !capabilities::SECRET_HEADERS.contains(name);
        let mut query = self.query.select(request.query());
        if let Names::These(names) = &self.query {
            // Of several with one name the last counts, as in Node.
            query = names.iter().filter_map(|name| query.iter().rfind(|(of, _)| of == name).cloned()).collect();
        }
        let headers = request.headers().filter(may_see).map(|(name, value)| (Cow::from(name), Cow::from(value)));
        HandshakeCopy {
            headers: self.headers.select(headers),
            query,
            auth: from.auth.as_deref().filter(|_| self.auth && with_secrets).map(Into::into),
            address: if self.address { request.address.to_string() } else { String::new() },
            url: if self.url { request.url.to_string() } else { String::new() },
            issued_ms: from.issued_ms,
            secure: request.secure,
            xdomain: request.headers().any(|(name, _)| name == "origin"),
        }
    }

    /// The same of a socket of another node, as far as that node told it.
    pub(super) fn of_peer(&self, from: &HandshakeCopy, with_secrets: bool) -> HandshakeCopy {
        let may_see = |(name, _): &&(String, String)| with_secrets || !capabilities::SECRET_HEADERS.contains(&name.as_str());
        let pair = |(name, value): &(String, String)| (Cow::from(name.clone()), Cow::from(value.clone()));
        HandshakeCopy {
            headers: self.headers.select(from.headers.iter().filter(may_see).map(pair)),
            query: self.query.select(from.query.iter().map(pair)),
            auth: from.auth.clone().filter(|_| self.auth && with_secrets),
            address: if self.address { from.address.clone() } else { String::new() },
            url: if self.url { from.url.clone() } else { String::new() },
            issued_ms: from.issued_ms,
            secure: from.secure,
            xdomain: from.xdomain,
        }
    }
}

impl Names {
    /// All, or none.
    pub(super) fn all_if(all: bool) -> Self {
        if all { Self::All } else { Self::default() }
    }

    fn of(names: &[String], field: &str) -> Self {
        if names.iter().any(|name| name == field) {
            return Self::All;
        }
        Self::These(names.iter().filter_map(|name| fields::one_of(name, field)).map(str::to_owned).collect())
    }

    /// The pairs with these names.
    fn select<'a>(&self, pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Vec<(String, String)> {
        let is_requested = |name: &str| match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|requested| requested == name),
        };
        match self {
            Self::These(names) if names.is_empty() => Vec::new(),
            _ => pairs.filter(|(name, _)| is_requested(name)).map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::HANDSHAKE_FIELDS_MAX;
    use innkeeper_contract::refusals;

    use super::{HandshakeFields, Names};

    fn parse(names: &[&str]) -> Result<HandshakeFields, innkeeper_contract::Refusal> {
        HandshakeFields::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn one_header_and_one_parameter_are_requested_by_name() {
        let these = |names: &[&str]| Names::These(names.iter().map(|name| (*name).to_owned()).collect());
        let fields = parse(&["headers:host", "query:a:b", "query:", "url:x", "header", "address"]).unwrap();
        let (query, headers) = (these(&["a:b", ""]), these(&["host"]));
        assert_eq!(fields, HandshakeFields { address: true, query, headers, ..HandshakeFields::default() });
        assert_eq!(parse(&["headers:host", "headers"]).unwrap().headers, Names::All);
    }

    #[test]
    fn a_handshake_is_asked_for_so_many_fields_and_no_more() {
        assert!(parse(&["query:a"; HANDSHAKE_FIELDS_MAX]).is_ok());
        assert_eq!(parse(&["query:a"; HANDSHAKE_FIELDS_MAX + 1]), Err(refusals::handshake_fields()));
    }
}
