//! `[internal]`: the listener for health, metrics and the admin interface.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use super::field::Field::{Boolean, Custom, Host, Port};
use super::hosts;
use super::key_spec::KeySpec;
use super::paths::{beside, named_or_beside, shown};
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, text};

/// Beside the configuration; in the current directory, where there is none.
const TOKEN_FILE: &str = ".innkeeper/admin-token";
/// Names the file of the token.
pub(super) const TOKEN_FILE_VARIABLE: &str = "INNKEEPER_TOKEN_FILE";

/// The listener for health, metrics and the admin interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Internal {
    /// Whether there is one. Without it nothing reports health or metrics, and there is no admin interface.
    pub enabled: bool,
    /// Address to listen on: the admin interface must not be reachable from the network.
    pub host: IpAddr,
    /// The host names that are served, besides addresses and localhost.
    pub hosts: Vec<String>,
    /// TCP port, 0 for a free one. The default is next to the port for clients.
    pub port: u16,
    /// The file of the token for the admin interface, relative to the configuration. Default `.innkeeper/admin-token`.
    pub token_file: Option<PathBuf>,
}

impl Default for Internal {
    fn default() -> Self {
        Self { enabled: true, host: IpAddr::V4(Ipv4Addr::LOCALHOST), hosts: Vec::new(), port: 3002, token_file: None }
    }
}

impl Internal {
    /// The file of the token, given the configuration's own file.
    pub(super) fn token_file(&self, configuration: Option<&Path>) -> PathBuf {
        named_or_beside(self.token_file.as_deref(), configuration, TOKEN_FILE)
    }
}

/// `[internal]`.
pub(super) const KEYS: &[KeySpec<Internal>] = &[
    KeySpec::new(
        "enabled",
        |internal: &mut Internal| Boolean(&mut internal.enabled),
        "whether the listener is there; without it nothing reports health or metrics, and there is no admin interface",
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
    KeySpec::new(
        "token_file",
        |internal: &mut Internal| Custom { kind: "path", value: internal.token_file.as_deref().and_then(shown) },
        "the file with the token for the admin interface, which only this user can read. It is made at the first start; the default is `.innkeeper/admin-token` beside the configuration, without one in the current directory",
    )
    .example("\"/run/secrets/innkeeper-token\"")
    .variable(TOKEN_FILE_VARIABLE),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path, into: &mut Internal) {
    let mut section = reader.section(root, "internal");
    reader.read(&mut section, KEYS, into);
    hosts::read(reader, &mut section, &mut into.hosts);
    reader.set(&mut section, "token_file", &mut into.token_file, |raw| token_file(raw, file).map(Some));
    reader.close(section);
}

/// The path as it is written in the configuration `file`.
pub(super) fn token_file(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    let written = text(raw)?;
    let remedy = "name a file, or leave the key out";
    if written.is_empty() {
        return Err(Problem::new("\"\" is not a path", remedy));
    }
    let path = beside(file, &written);
    if path.is_dir() { Err(Problem::new(format!("{written:?} is a folder"), remedy)) } else { Ok(path) }
}
