//! The proxies in front of the server, and the client's address as they give it.
//!
//! Anybody can write any header, so one is believed only as far as trusted proxies wrote it. Each proxy adds the address from which it
//! was asked at the end; the list is read from there, and the first address that is no proxy's is the client's. Only the one header is
//! read that the operator named: a proxy passes on what a client wrote into the others.

use std::{net::IpAddr, sync::Arc};

use hyper::{HeaderMap, header::HeaderName};
use ipnet::IpNet;

/// How proxies give the client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ProxyHeader {
    /// `X-Forwarded-For: client, proxy`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
    /// A header of the connection, before the first request: the PROXY protocol.
    ProxyProtocol,
}

/// The proxies of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    trusted: Arc<[IpNet]>,
    header: ProxyHeader,
}

impl Proxies {
    pub(crate) fn new(trusted: &[IpNet], header: ProxyHeader) -> Self {
        Self { trusted: trusted.into(), header }
    }

    /// Whether this is the address of a proxy.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Whether the connections of this peer begin with a header of the PROXY protocol.
    pub(super) fn expects_header(&self, peer: IpAddr) -> bool {
        self.header == ProxyHeader::ProxyProtocol && self.trusts(peer)
    }

    /// The address of the client whose request came on a connection from `peer`.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        match self.header {
            ProxyHeader::XForwardedFor => self.walk(peer, headers, &HeaderName::from_static("x-forwarded-for"), address_of),
            ProxyHeader::Forwarded => self.walk(peer, headers, &HeaderName::from_static("forwarded"), forwarded_for),
            ProxyHeader::ProxyProtocol => peer,
        }
    }

    /// Goes from the peer back to the first address that is no proxy's, or, where an element has no address, to the last one that is
    /// known.
    fn walk(&self, peer: IpAddr, headers: &HeaderMap, name: &HeaderName, read: fn(&str) -> Option<IpAddr>) -> IpAddr {
        let mut client = peer;
        // A comma in a quoted text is taken for an end, too. No proxy writes one, so it is further left than what counts.
        let lines = headers.get_all(name).iter().rev();
        let mut elements = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        while self.trusts(client) {
            match elements.next().and_then(read) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

/// `for` of an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address_of(node.trim().trim_matches('"'))
}

/// An address, with a port or without: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address_of(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let without_port = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => text.split_once(':').map_or(text, |(address, port)| if port.contains(':') { text } else { address }),
    };
    without_port.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hyper::HeaderMap;

    use super::{Proxies, ProxyHeader};

    fn client(header: ProxyHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        Proxies::new(&trusted, header).client(peer.parse::<IpAddr>().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_header_is_believed_as_far_as_proxies_wrote_it() {
        let client = |peer, lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            client(ProxyHeader::XForwardedFor, peer, &lines)
        };
        assert_eq!(client("192.0.2.9", &["198.51.100.1"]), "192.0.2.9", "a peer that is no proxy");
        assert_eq!(client("10.1.1.1", &[]), "10.1.1.1");
        assert_eq!(client("10.1.1.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.1.1.1", &["203.0.113.7, 198.51.100.1"]), "198.51.100.1", "the client wrote the first");
        assert_eq!(client("10.1.1.1", &["127.0.0.1, 198.51.100.1,10.2.2.2"]), "198.51.100.1");
        assert_eq!(client("10.1.1.1", &["203.0.113.7", "198.51.100.1, 10.2.2.2"]), "198.51.100.1");
        assert_eq!(client("10.1.1.1", &["10.3.3.3, 10.2.2.2"]), "10.3.3.3", "a client inside");
        assert_eq!(client("10.1.1.1", &["198.51.100.1, unknown, 10.2.2.2"]), "10.2.2.2");
        assert_eq!(client("10.1.1.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client("10.1.1.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("2001:db8::1", &["[2001:db9::5]:80"]), "2001:db9::5");
        assert_eq!(client("2001:db8::1", &["2001:db9::5"]), "2001:db9::5");
        assert_eq!(client("10.1.1.1", &[&"a,".repeat(4_000)]), "10.1.1.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        let client = |line: &str| client(ProxyHeader::Forwarded, "10.1.1.1", &[("forwarded", line)]);
        assert_eq!(client("for=198.51.100.1"), "198.51.100.1");
        assert_eq!(client(r#"proto=https; For="198.51.100.1:80";by=10.0.0.1, for=10.2.2.2"#), "198.51.100.1");
        assert_eq!(client(r#"for="[2001:db9::5]:4711""#), "2001:db9::5");
        assert_eq!(client(r#"for="203.0.113.7, for=198.51.100.1"#), "198.51.100.1", "a quote that the client left open");
        for hidden in ["for=_hidden", "for=unknown", "for=", "by=10.0.0.1", ""] {
            assert_eq!(client(hidden), "10.1.1.1", "{hidden}");
        }
    }

    #[test]
    fn only_the_named_header_is_read() {
        let lines = [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=198.51.100.2")];
        assert_eq!(client(ProxyHeader::XForwardedFor, "10.1.1.1", &lines), "198.51.100.1");
        assert_eq!(client(ProxyHeader::Forwarded, "10.1.1.1", &lines), "198.51.100.2");
        assert_eq!(client(ProxyHeader::ProxyProtocol, "10.1.1.1", &lines), "10.1.1.1");
    }
}
