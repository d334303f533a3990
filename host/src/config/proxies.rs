//! `trusted_proxies` and `proxy_header` of `[server]`: who may say whose a request is, and how.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, text, word};

/// The type of `trusted_proxies` in words.
pub(super) const TRUSTED_KIND: &str = "list of addresses and networks";
/// The type of `proxy_header` in words.
pub(super) const HEADER_KIND: &str = "\"x-forwarded-for\", \"forwarded\" or \"proxy-protocol\"";

/// How proxies give the client's address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The header `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// The header `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY protocol, versions 1 and 2.
    ProxyProtocol,
}

const HEADERS: [(&str, ProxyHeader); 3] = [
    ("x-forwarded-for", ProxyHeader::XForwardedFor),
    ("forwarded", ProxyHeader::Forwarded),
    ("proxy-protocol", ProxyHeader::ProxyProtocol),
];

/// Reads the keys, if the section has them.
pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section<'_>, trusted: &mut Vec<IpNet>, header: &mut ProxyHeader) {
    if let Some(entry) = reader.entry(section, "trusted_proxies") {
        *trusted = reader.items(&entry, network);
    }
    reader.set(section, "proxy_header", header, header_of);
}

pub(super) fn shown_trusted(trusted: &[IpNet]) -> Option<Value> {
    (!trusted.is_empty()).then(|| trusted.iter().map(IpNet::to_string).collect())
}

pub(super) fn shown_header(header: ProxyHeader) -> Option<Value> {
    HEADERS.iter().find(|(_, known)| *known == header).map(|(name, _)| (*name).into())
}

fn network(raw: &RawValue) -> Result<IpNet, Problem> {
    let written = text(raw)?;
    let address = || written.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    let network = written.parse::<IpNet>().ok().map(|network| network.trunc()).or_else(address);
    network.ok_or_else(|| {
        let remedy = "write \"192.0.2.1\", \"10.0.0.0/8\" or \"2001:db8::/32\"; names are not looked up";
        Problem::new(format!("{written:?} is no address and no network"), remedy)
    })
}

fn header_of(raw: &RawValue) -> Result<ProxyHeader, Problem> {
    let name = word(raw, &HEADERS.map(|(name, _)| name), "way in which a proxy gives an address")?;
    Ok(HEADERS.iter().find(|(known, _)| *known == name).map(|(_, header)| *header).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{RawValue, network};

    #[test]
    fn proxies_are_addresses_and_networks() {
        let read = |text: &str| network(&RawValue::Text { text: text.to_owned(), substituted: false }).ok();
        for wrong in ["", "proxy.example", "10.0.0.0/33", "10.0.0", "10.0.0.0/8, 10.1.0.0/16", "2001:db8::/129", "*"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        let shown = |text: &str| read(text).map(|network| network.to_string());
        assert_eq!(shown("192.0.2.1").as_deref(), Some("192.0.2.1/32"));
        assert_eq!(shown("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(shown("2001:db8::1").as_deref(), Some("2001:db8::1/128"));
        assert_eq!(shown("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1/32"));
    }
}
