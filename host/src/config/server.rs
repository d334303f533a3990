//! The two listeners: `[server]` with its `cors`, and `[internal]`.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::field::Field::{Boolean, Bytes, Custom, Duration as Time, Host, Port, Text};
use super::plugins::shown_path;
use super::reader::{KeyValue, Reader, Section};
use super::schema::KeySpec;
use super::value::{Problem, RawValue, once, text, word};
use super::{Config, Origins, Transports, cookie};

/// Where a length of time may lie: short enough for tests, at most a day.
pub(super) const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);
pub(super) const BYTES: RangeInclusive<usize> = 1_024..=4 << 30;

const FOLDER_KIND: &str = "folder, relative to the configuration";

/// `[server]`.
pub(super) const KEYS: &[KeySpec<Config>] = &[
    KeySpec::new("port", |config: &mut Config| Port(&mut config.server.port), "TCP port for clients, 0 for a free one")
        .variable("INNKEEPER_PORT")
        .flag("--port"),
    KeySpec::new(
        "host",
        |config: &mut Config| Host(&mut config.server.host),
        "address to listen on; this machine only, until you say \"0.0.0.0\": who tries a server does not open it to the network",
    )
    .variable("INNKEEPER_HOST")
    .flag("--host"),
    KeySpec::new(
        "path",
        |config: &mut Config| Text("path, begins with a slash", &mut config.server.path, path),
        "where Socket.IO answers; clients give the same `path`",
    )
    .socket_io("path"),
    KeySpec::new(
        "ping_interval",
        |config: &mut Config| Time(&mut config.server.ping_interval, DURATIONS),
        "how often the server pings a client",
    )
    .socket_io("pingInterval"),
    KeySpec::new(
        "ping_timeout",
        |config: &mut Config| Time(&mut config.server.ping_timeout, DURATIONS),
        "how long a pong may take before the client counts as gone",
    )
    .socket_io("pingTimeout"),
    KeySpec::new(
        "upgrade_timeout",
        |config: &mut Config| Time(&mut config.server.upgrade_timeout, DURATIONS),
        "how long an upgrade to websocket may take before it is cancelled",
    )
    .socket_io("upgradeTimeout"),
    KeySpec::new(
        "connect_timeout",
        |config: &mut Config| Time(&mut config.server.connect_timeout, DURATIONS),
        "how long a connection may go without joining a namespace before it is closed",
    )
    .socket_io("connectTimeout"),
    KeySpec::new(
        "max_http_buffer_size",
        |config: &mut Config| Bytes(&mut config.server.max_http_buffer_size, BYTES),
        "the largest message, on both transports; a larger one closes the connection",
    )
    .socket_io("maxHttpBufferSize"),
    KeySpec::new(
        "transports",
        |config: &mut Config| Custom {
            kind: "list of \"polling\", \"websocket\"",
            value: Some(shown_transports(config.server.transports)),
        },
        "how clients may come in",
    )
    .socket_io("transports"),
    KeySpec::new(
        "allow_upgrades",
        |config: &mut Config| Boolean(&mut config.server.allow_upgrades),
        "whether a polling client may upgrade to websocket",
    )
    .socket_io("allowUpgrades"),
    KeySpec::new(
        "static_folder",
        |config: &mut Config| Custom { kind: FOLDER_KIND, value: config.server.static_folder.as_deref().and_then(shown_path) },
        "files served beside the endpoint, with index.html for folders; nothing hidden, nothing outside. Without it, none",
    )
    .example("\"public\""),
    KeySpec::new(
        "serve_client",
        |config: &mut Config| Boolean(&mut config.server.serve_client),
        "whether the official client is served at `<path>socket.io.min.js`, from `client_folder`",
    )
    .socket_io("serveClient"),
    KeySpec::new(
        "client_folder",
        |config: &mut Config| Custom { kind: FOLDER_KIND, value: config.server.client_folder.as_deref().and_then(shown_path) },
        "where the bundles of the official client lie; without it, who asks for one is told what is missing",
    )
    .example("\"node_modules/socket.io-client/dist\""),
];

/// `[server.cors]`.
pub(super) const CORS_KEYS: &[KeySpec<Config>] = &[
    KeySpec::new(
        "origin",
        |config: &mut Config| Custom {
            kind: "origin, list of origins, or \"*\"",
            value: shown_origins(&config.server.cors.origins),
        },
        "pages that may connect besides those of the same origin; without it, no other",
    )
    .socket_io("cors.origin")
    .variable("CLIENT_URL")
    .example("[\"https://example.com\"]"),
    KeySpec::new(
        "credentials",
        |config: &mut Config| Boolean(&mut config.server.cors.credentials),
        "whether browsers may send cookies; never together with the origin \"*\"",
    )
    .socket_io("cors.credentials"),
];

/// `[internal]`.
pub(super) const INTERNAL_KEYS: &[KeySpec<Config>] = &[
    KeySpec::new(
        "enabled",
        |config: &mut Config| Boolean(&mut config.internal.enabled),
        "whether there is one; without it nothing reports health or metrics",
    ),
    KeySpec::new(
        "host",
        |config: &mut Config| Host(&mut config.internal.host),
        "address to listen on; what operates the host is nothing for the network",
    ),
    KeySpec::new(
        "port",
        |config: &mut Config| Port(&mut config.internal.port),
        "TCP port, beside that for clients; 0 for a free one",
    ),
];

/// Reads both sections.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, config: &mut Config, file: &Path) {
    let mut section = reader.section(root, "server");
    reader.read(&mut section, KEYS, config);
    if let Some(entry) = reader.entry(&mut section, "transports") {
        config.server.transports = transports(reader, &entry);
    }
    let server = &mut config.server;
    reader.set(&mut section, "static_folder", &mut server.static_folder, |raw| folder(raw, file));
    // It need not be there yet: who asks for the client is told so.
    reader.set(&mut section, "client_folder", &mut server.client_folder, |raw| Ok(Some(beside(file, &text(raw)?))));
    let mut cors = reader.section(&mut section, "cors");
    if let Some(entry) = reader.entry(&mut cors, "origin") {
        config.server.cors.origins = origins(reader.items(&entry, origin));
    }
    reader.read(&mut cors, CORS_KEYS, config);
    reader.close(cors);
    cookie::read(reader, &mut section, config);
    reader.close(section);
    let mut internal = reader.section(root, "internal");
    reader.read(&mut internal, INTERNAL_KEYS, config);
    reader.close(internal);
}

fn folder(raw: &RawValue, file: &Path) -> Result<Option<PathBuf>, Problem> {
    let folder = beside(file, &text(raw)?);
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    let problem = format!("there is no folder {:?}", folder.display().to_string());
    Err(Problem::new(problem, "make it or correct the path, which is relative to the configuration"))
}

fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

fn path(raw: &RawValue) -> Result<String, Problem> {
    let path = text(raw)?;
    let odd = |letter: char| letter.is_whitespace() || matches!(letter, '?' | '#');
    if !path.starts_with('/') || path.contains(odd) {
        return Err(Problem::new(format!("{path:?} is not a path"), "write it like \"/socket.io/\""));
    }
    Ok(format!("{}/", path.trim_end_matches('/')))
}

fn transports(reader: &mut Reader<'_>, entry: &KeyValue<'_>) -> Transports {
    let mut into = Transports { polling: false, websocket: false };
    let known = ["polling", "websocket"];
    let mut seen = Vec::new();
    let names = reader.items(entry, |raw| {
        let name = word(raw, &known, "transport")?;
        once(&mut seen, name)
    });
    for name in names {
        into.polling |= name == "polling";
        into.websocket |= name == "websocket";
    }
    if seen.is_empty() {
        reader.problem(&entry.key, Problem::new("no transport is left", "name \"polling\", \"websocket\" or both"));
    }
    into
}

/// `http://localhost:5173`, as browsers write it; a slash at the end is forgiven.
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

/// A star beside others is a star.
pub(super) fn origins(list: Vec<String>) -> Origins {
    match list.iter().any(|origin| origin == "*") {
        true => Origins::Any,
        false if list.is_empty() => Origins::Same,
        false => Origins::Listed(list),
    }
}

fn shown_transports(transports: Transports) -> Value {
    let names = [("polling", transports.polling), ("websocket", transports.websocket)];
    names.into_iter().filter(|(_, open)| *open).map(|(name, _)| name).collect()
}

fn shown_origins(origins: &Origins) -> Option<Value> {
    match origins {
        Origins::Same => None,
        Origins::Any => Some("*".into()),
        Origins::Listed(list) => Some(list.iter().map(String::as_str).collect()),
    }
}
