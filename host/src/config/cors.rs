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

/// The Origin headers that pass, besides none at all and one equal to Host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// No other page.
    #[default]
    Same,
    /// Every page: `origin = "*"`.
    Any,
    /// These origins, as browsers write them: lower case, no slash at the end, no default port.
    Listed(Vec<String>),
}

impl Origins {
    /// Whether the list lets this Origin header pass. The caller decides about same-origin and missing headers.
    pub fn allow(&self, origin: &str) -> bool {
        match self {
            Self::Same => false,
            Self::Any => true,
            Self::Listed(list) => list.iter().any(|entry| entry.eq_ignore_ascii_case(origin)),
        }
    }
}

/// `[server.cors]`.
pub(super) const KEYS: &[KeySpec<Cors>] = &[
    KeySpec::new(
        "origin",
        |cors: &mut Cors| Custom { kind: "origin, list of origins, or \"*\"", value: shown_origins(&cors.origins) },
        "origins of the pages that may connect, besides the same origin; without this key, no other may",
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

/// `http://localhost:5173`, as browsers write it; a slash at the end is accepted.
pub(super) fn origin(raw: &RawValue) -> Result<String, Problem> {
    let written = text(raw)?;
    let origin = written.strip_suffix('/').unwrap_or(&written).to_ascii_lowercase();
    let rest = origin.split_once("://").map(|(_, rest)| rest);
    let plain = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*', ' ']));
    if origin != "*" && !plain {
        let remedy = "write \"https://example.com\", without a path, or \"*\" for every one";
        return Err(Problem::new(format!("{written:?} is not an origin"), remedy));
    }
    let default = match origin.split_once("://") {
        Some(("http", _)) => ":80",
        Some(("https", _)) => ":443",
        _ => return Ok(origin),
    };
    Ok(origin.strip_suffix(default).unwrap_or(&origin).to_owned())
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
