//! `[server]`: the listener for clients.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::cookie::{self, Cookie};
use super::cors::{self, Cors};
use super::field::Field::{Boolean, Bytes, Custom, Duration as Time, Host, OptionalCount, Port, Text};
use super::field::{BYTES, DURATIONS};
use super::hosts;
use super::key_spec::KeySpec;
use super::paths::{beside, shown};
use super::problem::Problem;
use super::proxies::{self, ProxyHeader};
use super::reader::{KeyValue, Reader, Section};
use super::value::{RawValue, once, text, word};
use crate::node::NodeName;

/// Where a rate may lie, in bytes of a second.
const RATES: RangeInclusive<usize> = 1..=1 << 30;
/// How many threads may serve connections. More than there are CPUs serve no more.
const LOOPS: RangeInclusive<usize> = 1..=256;
const FOLDER_KIND: &str = "folder, relative to the configuration";

/// The listener for clients. If Socket.IO has the key too, its comment says so and the default is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Address to listen on.
    pub host: IpAddr,
    /// The host names that are served, besides addresses and localhost; none: any, or on a loopback address no other.
    pub hosts: Vec<String>,
    /// TCP port, 0 for a free one. 3001 is the port of the guide's examples.
    pub port: u16,
    /// The name of this server among those of a cluster. `None`: a random one at each start.
    pub node: Option<NodeName>,
    /// Threads that serve connections. `None`: one for each CPU that the process may use.
    pub event_loops: Option<usize>,
    /// The proxies in front of the server; of others no header is believed. Default none.
    pub trusted_proxies: Vec<IpNet>,
    /// How those proxies give the client's address.
    pub proxy_header: ProxyHeader,
    /// Begins and ends with a slash. Socket.IO's `path`, default `/socket.io/`.
    pub path: String,
    /// How often the server pings. Socket.IO's `pingInterval`.
    pub ping_interval: Duration,
    /// How long a pong may take before the session is closed. Socket.IO's `pingTimeout`.
    pub ping_timeout: Duration,
    /// How long an upgrade to websocket may take. Socket.IO's `upgradeTimeout`.
    pub upgrade_timeout: Duration,
    /// How long a connection may go without joining a namespace. Socket.IO's `connectTimeout`.
    pub connect_timeout: Duration,
    /// How long a connection stays open without a request. Node's `server.keepAliveTimeout`, there 5 seconds.
    pub keep_alive: Duration,
    /// The time in which a body has to move by `body_rate_min` of each second.
    pub body_timeout: Duration,
    /// Bytes of the body of a request or of a response that have to move in a second.
    pub body_rate_min: usize,
    /// Bytes of one message, on both transports. Socket.IO's `maxHttpBufferSize`.
    pub max_http_buffer_size: usize,
    /// Socket.IO's `transports`.
    pub transports: Transports,
    /// Whether a polling client may upgrade. Socket.IO's `allowUpgrades`.
    pub allow_upgrades: bool,
    /// Which pages may connect. Socket.IO's `cors`.
    pub cors: Cors,
    /// Which cookie a handshake sets. Socket.IO's `cookie`.
    pub cookie: Cookie,
    /// The folder whose files are served beside the endpoint; it existed when the configuration was read. Default none.
    pub static_folder: Option<PathBuf>,
    /// Whether the official client is served at `<path>socket.io.min.js`. Socket.IO's `serveClient`, default true.
    pub serve_client: bool,
    /// The folder with the bundles of the official client: `node_modules/socket.io-client/dist`. Without it the response says what is missing.
    pub client_folder: Option<PathBuf>,
}

/// The transports that clients may use. At least one is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// HTTP long polling.
    pub polling: bool,
    /// WebSocket.
    pub websocket: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            hosts: Vec::new(),
            port: 3001,
            node: None,
            event_loops: None,
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::default(),
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            keep_alive: Duration::from_secs(90),
            body_timeout: Duration::from_secs(120),
            body_rate_min: 1 << 10,
            max_http_buffer_size: 1_000_000,
            transports: Transports::default(),
            allow_upgrades: true,
            cors: Cors::default(),
            cookie: Cookie::default(),
            static_folder: None,
            serve_client: true,
            client_folder: None,
        }
    }
}

impl Server {
    /// How many threads serve connections.
    pub(crate) fn event_loops(&self) -> usize {
        self.event_loops.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
    }
}

impl Default for Transports {
    fn default() -> Self {
        Self { polling: true, websocket: true }
    }
}

/// `[server]`.
pub(super) const KEYS: &[KeySpec<Server>] = &[
    KeySpec::new("port", |server: &mut Server| Port(&mut server.port), "TCP port for clients, 0 for a free one")
        .variable("INNKEEPER_PORT")
        .flag("--port"),
    KeySpec::new(
        "host",
        |server: &mut Server| Host(&mut server.host),
        "address to listen on. The default is this machine only, so that trying the server does not open it to the network; \"0.0.0.0\" is every interface",
    )
    .variable("INNKEEPER_HOST")
    .flag("--host"),
    KeySpec::new(
        "node",
        |server: &mut Server| Custom { kind: "4 characters out of A-Z, a-z, 0-9, - and _", value: server.node.map(|node| node.to_string().into()) },
        "the name of this server among those of a cluster: ids of sessions (`sid`) begin with it, so that a load balancer can send a client back, and plugins and the log show it. Without this key it is a random one at each start",
    )
    .example("\"web1\""),
    KeySpec::new(
        "hosts",
        |server: &mut Server| Custom { kind: hosts::KIND, value: hosts::shown(&server.hosts) },
        "the host names that are served, besides addresses and localhost, which always are; \"*.example.com\" is every subdomain. Without this key any name is, or, if `host` is a loopback address, no other: else a page of another site could point a name of its own at this machine and be taken for a page of this server (DNS rebinding). A proxy on this machine that keeps Host needs its sites' names here",
    )
    .example("[\"rt.example.com\"]"),
    KeySpec::new(
        "event_loops",
        |server: &mut Server| OptionalCount(&mut server.event_loops, LOOPS),
        "threads that serve connections; each connection stays on one of them. Without this key, one for each CPU that the server may use",
    )
    .example("2"),
    KeySpec::new(
        "trusted_proxies",
        |server: &mut Server| Custom { kind: proxies::TRUSTED_KIND, value: proxies::shown_trusted(&server.trusted_proxies) },
        "the proxies in front of the server, whose word is taken for the address of a client: in the handshake, the log, and the limits per address. Without this key that is the address of the connection, whatever a header says, since anybody can write one",
    )
    .example("[\"10.0.0.0/8\"]"),
    KeySpec::new(
        "proxy_header",
        |server: &mut Server| Custom { kind: proxies::HEADER_KIND, value: proxies::shown_header(server.proxy_header) },
        "how those proxies give the address: in a header of each request, read from its end to the first address that is no proxy's, or at the begin of each connection (the PROXY protocol, versions 1 and 2), which then is refused without it. Only this one is read: a proxy passes on what a client wrote into the others",
    ),
    KeySpec::new(
        "path",
        |server: &mut Server| Text("path, begins with a slash", &mut server.path, path),
        "the path of the Socket.IO endpoint; clients give the same `path`",
    )
    .socket_io("path"),
    KeySpec::new(
        "ping_interval",
        |server: &mut Server| Time(&mut server.ping_interval, DURATIONS),
        "how often the server pings a client",
    )
    .socket_io("pingInterval"),
    KeySpec::new(
        "ping_timeout",
        |server: &mut Server| Time(&mut server.ping_timeout, DURATIONS),
        "how long a pong may take before the connection is closed (ping timeout)",
    )
    .socket_io("pingTimeout"),
    KeySpec::new(
        "upgrade_timeout",
        |server: &mut Server| Time(&mut server.upgrade_timeout, DURATIONS),
        "how long an upgrade to websocket may take before it is cancelled",
    )
    .socket_io("upgradeTimeout"),
    KeySpec::new(
        "connect_timeout",
        |server: &mut Server| Time(&mut server.connect_timeout, DURATIONS),
        "how long a connection may go without joining a namespace before it is closed",
    )
    .socket_io("connectTimeout"),
    KeySpec::new(
        "keep_alive",
        |server: &mut Server| Time(&mut server.keep_alive, DURATIONS),
        "how long a connection stays open without a request, whose head has to arrive within this time too; longer than the same time of a proxy or balancer in front of the server, which else sends a request to a connection that is just being closed. It holds for the internal interface too, and is there how long a client may take nothing of a response",
    ),
    KeySpec::new(
        "body_timeout",
        |server: &mut Server| Time(&mut server.body_timeout, DURATIONS),
        "in this time the body of a request or of a response (a file, for one) has to move by `body_rate_min` of each second, or the connection is closed; no bound for the whole",
    ),
    KeySpec::new(
        "body_rate_min",
        |server: &mut Server| Bytes(&mut server.body_rate_min, RATES),
        "bytes of a body that have to move in a second, on the average of each `body_timeout`: a fifth of what the slowest phones reach. The body of a request is also over in time if it ends sooner",
    ),
    KeySpec::new(
        "max_http_buffer_size",
        |server: &mut Server| Bytes(&mut server.max_http_buffer_size, BYTES),
        "the largest message, on both transports; a larger one closes the connection",
    )
    .socket_io("maxHttpBufferSize"),
    KeySpec::new(
        "transports",
        |server: &mut Server| Custom {
            kind: "list of \"polling\", \"websocket\"",
            value: Some(shown_transports(server.transports)),
        },
        "the transports that clients may use",
    )
    .socket_io("transports"),
    KeySpec::new(
        "allow_upgrades",
        |server: &mut Server| Boolean(&mut server.allow_upgrades),
        "whether a polling client may upgrade to websocket",
    )
    .socket_io("allowUpgrades"),
    KeySpec::new(
        "static_folder",
        |server: &mut Server| Custom { kind: FOLDER_KIND, value: server.static_folder.as_deref().and_then(shown) },
        "the folder whose files are served beside the endpoint, with index.html for folders; no hidden files, nothing outside the folder. Without this key, no files",
    )
    .example("\"public\""),
    KeySpec::new(
        "serve_client",
        |server: &mut Server| Boolean(&mut server.serve_client),
        "whether the official client is served at `<path>socket.io.min.js`, from `client_folder`",
    )
    .socket_io("serveClient"),
    KeySpec::new(
        "client_folder",
        |server: &mut Server| Custom { kind: FOLDER_KIND, value: server.client_folder.as_deref().and_then(shown) },
        "the folder with the bundles of the official client; without this key, a request for one is answered with what is missing",
    )
    .example("\"node_modules/socket.io-client/dist\""),
];

fn node(raw: &RawValue) -> Result<NodeName, Problem> {
    let written = text(raw)?;
    NodeName::parse(&written).ok_or_else(|| {
        Problem::new(
            format!("{written:?} is no name of a node"),
            "a name has exactly 4 characters out of A-Z, a-z, 0-9, - and _: \"web1\"",
        )
    })
}

/// Reads the section with those below it.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path, into: &mut Server) {
    let mut section = reader.section(root, "server");
    reader.read(&mut section, KEYS, into);
    reader.set(&mut section, "node", &mut into.node, |raw| node(raw).map(Some));
    if let Some(entry) = reader.entry(&mut section, "transports") {
        into.transports = transports(reader, &entry);
    }
    hosts::read(reader, &mut section, &mut into.hosts);
    proxies::read(reader, &mut section, &mut into.trusted_proxies, &mut into.proxy_header);
    reader.set(&mut section, "static_folder", &mut into.static_folder, |raw| folder(raw, file));
    // The folder need not be there yet: the response to a request for the client says what is missing.
    reader.set(&mut section, "client_folder", &mut into.client_folder, |raw| Ok(Some(beside(file, &text(raw)?))));
    cors::read(reader, &mut section, &mut into.cors);
    cookie::read(reader, &mut section, &mut into.cookie);
    reader.close(section);
}

fn folder(raw: &RawValue, file: &Path) -> Result<Option<PathBuf>, Problem> {
    let folder = beside(file, &text(raw)?);
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    let problem = format!("there is no folder {:?}", folder.display().to_string());
    Err(Problem::new(problem, "make it or correct the path, which is relative to the configuration"))
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
        reader.problem(&entry.key, Problem::new("the list names no transport", "name \"polling\", \"websocket\" or both"));
    }
    into
}

fn shown_transports(transports: Transports) -> Value {
    let names = [("polling", transports.polling), ("websocket", transports.websocket)];
    names.into_iter().filter(|(_, open)| *open).map(|(name, _)| name).collect()
}
