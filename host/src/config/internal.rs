//! `[internal]`: the listener for health and metrics.

use std::net::{IpAddr, Ipv4Addr};

use super::field::Field::{Boolean, Custom, Host, Port};
use super::hosts;
use super::key_spec::KeySpec;
use super::reader::{Reader, Section};

/// The listener for health, metrics and the admin interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Internal {
    /// Whether there is one. Without it nothing reports health or metrics.
    pub enabled: bool,
    /// Address to listen on: the admin interface must not be reachable from the network.
    pub host: IpAddr,
    /// The host names that are served, besides addresses and localhost.
    pub hosts: Vec<String>,
    /// TCP port, 0 for a free one. The default is next to the port for clients.
    pub port: u16,
}

impl Default for Internal {
    fn default() -> Self {
        Self { enabled: true, host: IpAddr::V4(Ipv4Addr::LOCALHOST), hosts: Vec::new(), port: 3002 }
    }
}

/// `[internal]`.
pub(super) const KEYS: &[KeySpec<Internal>] = &[
    KeySpec::new(
        "enabled",
        |internal: &mut Internal| Boolean(&mut internal.enabled),
        "whether the listener is there; without it nothing reports health or metrics",
    ),
    KeySpec::new(
        "host",
        |internal: &mut Internal| Host(&mut internal.host),
        "address to listen on; the interface must not be reachable from the clients' network",
    ),
    KeySpec::new(
        "hosts",
        |internal: &mut Internal| Custom { kind: hosts::KIND, value: hosts::shown(&internal.hosts) },
        "the host names that are served, as `hosts` in `[server]`",
    )
    .example("[\"monitor.example.com\"]"),
    KeySpec::new("port", |internal: &mut Internal| Port(&mut internal.port), "TCP port, 0 for a free one"),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, into: &mut Internal) {
    let mut section = reader.section(root, "internal");
    reader.read(&mut section, KEYS, into);
    hosts::read(reader, &mut section, &mut into.hosts);
    reader.close(section);
}
