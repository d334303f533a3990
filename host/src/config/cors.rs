//! `[server.cors]`: the web pages that may connect.

use serde_json::Value;

use super::field::Field::{Boolean, Custom};
use super::key_spec::KeySpec;
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, text};

/// The web pages that may connect, by polling and by websocket alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// Socket.IO's `cors.origin`, default same origin.
    pub origins: Origins,
    /// Whether the browser may send cookies. Socket.IO's `cors.credentials`, default false; never true with `Origins::Any`.
    pub credentials: bool,
}

/// The Origin headers that pass, besides none at all and one of the same host as Host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// No other page.
    #[default]
    Same,
    /// Every page: `origin = "*"`.
    Any,
    /// These origins, in lower case and without a slash at the end. `https://*.example.com` stands for
    /// the subdomains of example.com; `null` and `file://` are what pages without an address send.
    Listed(Vec<String>),
}

/// `[server.cors]`.
pub(super) const KEYS: &[KeySpec<Cors>] = &[
    KeySpec::new(
        "origin",
        |cors: &mut Cors| Custom { kind: "origin, list of origins, or \"*\"", value: shown_origins(&cors.origins) },
        "origins of the pages that may connect, besides those that the server's own address serves; without this key, no other may. \"https://*.example.com\" stands for the subdomains of example.com, of any depth, and not for example.com itself. Web views, files and boards send \"null\" or \"file://\", which can be listed",
    )
    .socket_io("cors.origin")
    .variable("CLIENT_URL")
    .example("[\"https://example.com\"]"),
    KeySpec::new(
        "credentials",
        |cors: &mut Cors| Boolean(&mut cors.credentials),
        "whether browsers may send cookies; never together with the origin \"*\"",
    )
    .socket_io("cors.credentials"),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, server: &mut Section<'_>, into: &mut Cors) {
    let mut section = reader.section(server, "cors");
    if let Some(entry) = reader.entry(&mut section, "origin") {
        into.origins = origins(reader.items(&entry, origin));
    }
    reader.read(&mut section, KEYS, into);
    reader.close(section);
}

/// An origin; a slash at the end is accepted.
pub(super) fn origin(raw: &RawValue) -> Result<String, Problem> {
    let written = text(raw)?;
    let origin = written.to_ascii_lowercase();
    if matches!(&*origin, "*" | "null" | "file://") {
        return Ok(origin);
    }
    let problem = |what: &str, remedy| Problem::new(format!("{written:?} {what}"), remedy);
    if !origin.is_ascii() {
        return Err(problem("is not what browsers send", "write the name in its ASCII form, which begins with xn--"));
    }
    let remedy = "write \"https://example.com\", without a path, or \"*\" for every one";
    let (scheme, rest) = origin.split_once("://").ok_or_else(|| problem("is not an origin", remedy))?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let host = rest.strip_prefix("*.").unwrap_or(rest);
    if scheme.is_empty() || host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return Err(problem("is not an origin", remedy));
    }
    if host.contains('*') || scheme.contains('*') {
        let remedy = "a star stands for subdomains, as in \"https://*.example.com\", or, alone, for every origin";
        return Err(problem("is not an origin", remedy));
    }
    Ok(format!("{scheme}://{rest}"))
}

/// A list that has a star means every origin.
pub(super) fn origins(list: Vec<String>) -> Origins {
    match list.iter().any(|origin| origin == "*") {
        true => Origins::Any,
        false if list.is_empty() => Origins::Same,
        false => Origins::Listed(list),
    }
}

fn shown_origins(origins: &Origins) -> Option<Value> {
    match origins {
        Origins::Same => None,
        Origins::Any => Some("*".into()),
        Origins::Listed(list) => Some(list.iter().map(String::as_str).collect()),
    }
}
