//! `[server]` and its `cors`: values that only the clients' listener has.

use std::path::{Path, PathBuf};

use super::file::{Entry, Reader, Section};
use super::resolve::{BYTES, DURATIONS};
use super::value::{Given, Wrong, boolean, bytes, duration, host, once, port, text, word};
use super::{Origins, Server, Transports};

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, into: &mut Server, file: &Path) {
    let mut section = reader.section(root, "server");
    reader.set(&mut section, "host", &mut into.host, host);
    reader.set(&mut section, "port", &mut into.port, port);
    reader.set(&mut section, "path", &mut into.path, path);
    reader.set(&mut section, "ping_interval", &mut into.ping_interval, duration(DURATIONS));
    reader.set(&mut section, "ping_timeout", &mut into.ping_timeout, duration(DURATIONS));
    reader.set(&mut section, "upgrade_timeout", &mut into.upgrade_timeout, duration(DURATIONS));
    reader.set(&mut section, "connect_timeout", &mut into.connect_timeout, duration(DURATIONS));
    reader.set(&mut section, "max_http_buffer_size", &mut into.max_http_buffer_size, bytes(BYTES));
    if let Some(entry) = reader.entry(&mut section, "transports") {
        into.transports = transports(reader, &entry);
    }
    reader.set(&mut section, "allow_upgrades", &mut into.allow_upgrades, boolean);
    reader.set(&mut section, "static_folder", &mut into.static_folder, |given| folder(given, file));
    reader.set(&mut section, "serve_client", &mut into.serve_client, boolean);
    // It need not be there yet: who asks for the client is told so.
    reader.set(&mut section, "client_folder", &mut into.client_folder, |given| Ok(Some(beside(file, &text(given)?))));
    let mut cors = reader.section(&mut section, "cors");
    if let Some(entry) = reader.entry(&mut cors, "origin") {
        into.cors.origins = origins(reader.items(&entry, origin));
    }
    reader.set(&mut cors, "credentials", &mut into.cors.credentials, boolean);
    reader.close(cors);
    reader.close(section);
}

fn folder(given: &Given, file: &Path) -> Result<Option<PathBuf>, Wrong> {
    let folder = beside(file, &text(given)?);
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    let problem = format!("there is no folder {:?}", folder.display().to_string());
    Err(Wrong::new(problem, "make it or correct the path, which is relative to the configuration"))
}

fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

fn path(given: &Given) -> Result<String, Wrong> {
    let path = text(given)?;
    let odd = |letter: char| letter.is_whitespace() || matches!(letter, '?' | '#');
    if !path.starts_with('/') || path.contains(odd) {
        return Err(Wrong::new(format!("{path:?} is not a path"), "write it like \"/socket.io/\""));
    }
    Ok(format!("{}/", path.trim_end_matches('/')))
}

fn transports(reader: &mut Reader<'_>, entry: &Entry<'_>) -> Transports {
    let mut into = Transports { polling: false, websocket: false };
    let known = ["polling", "websocket"];
    let mut seen = Vec::new();
    let names = reader.items(entry, |given| {
        let name = word(given, &known, "transport")?;
        once(&mut seen, name)
    });
    for name in names {
        into.polling |= name == "polling";
        into.websocket |= name == "websocket";
    }
    if seen.is_empty() {
        reader.wrong(&entry.key, Wrong::new("no transport is left", "name \"polling\", \"websocket\" or both"));
    }
    into
}

/// `http://localhost:5173`, as browsers write it; a slash at the end is forgiven.
pub(super) fn origin(given: &Given) -> Result<String, Wrong> {
    let written = text(given)?;
    let origin = written.strip_suffix('/').unwrap_or(&written).to_ascii_lowercase();
    let rest = origin.split_once("://").map(|(_, rest)| rest);
    let plain = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', '*', ' ']));
    if origin != "*" && !plain {
        let remedy = "write \"https://example.com\", without a path, or \"*\" for every one";
        return Err(Wrong::new(format!("{written:?} is not an origin"), remedy));
    }
    let default = match origin.split_once("://") {
        Some(("http", _)) => ":80",
        Some(("https", _)) => ":443",
        _ => return Ok(origin),
    };
    Ok(origin.strip_suffix(default).unwrap_or(&origin).to_owned())
}

/// A star beside others is a star.
pub(super) fn origins(list: Vec<String>) -> Origins {
    match list.iter().any(|origin| origin == "*") {
        true => Origins::Any,
        false if list.is_empty() => Origins::Same,
        false => Origins::Listed(list),
    }
}
