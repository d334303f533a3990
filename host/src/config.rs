//! What the operator wants: `innkeeper.toml`, the environment over it, flags over that.
//!
//! A file is parsed as written (`file`, with the line of every value) and then resolved as meant (`resolve`), and all that is
//! wrong with it is reported at once (`problem`). What there is to say at all is one table of `keys`, which the reader, the example
//! (`document`), the reference and `show` share. What leaves this room is the plain [`Config`]: real types, every value in its
//! range, every component file found. No other room reads the environment or knows TOML.

mod cookie;
mod document;
mod field;
mod grants;
mod keys;
mod limits;
mod plugins;
mod problem;
mod reader;
mod resolve;
mod schema;
mod server;
mod show;
mod sources;
mod store;
mod value;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use cookie::Cookie;
pub(crate) use document::{docs, example};
pub(crate) use keys::{KeyConfig, KeySource, Secret};
pub(crate) use limits::Limits;
pub(crate) use plugins::PluginConfig;
pub(crate) use problem::Problems;
pub(crate) use resolve::{Resolved, duration_of, host_of};
pub(crate) use store::StoreConfig;

/// The whole configuration, resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The file that it came from; `None`: the built-in configuration.
    pub file: Option<PathBuf>,
    /// The clients' side: `[server]`.
    pub server: Server,
    /// The operator's side: `[internal]`.
    pub internal: Internal,
    /// Every bound of the host: `[limits]`. The bounds of one plugin stand in its [`PluginConfig`].
    pub limits: Limits,
    /// What outlives the plugins: `[store]`.
    pub store: StoreConfig,
    /// `[keys.<name>]`: what tokens are verified with. Names are unique.
    pub keys: Vec<KeyConfig>,
    /// `[plugins.<name>]` in the order of the file, which is the order of every chain. Names are unique.
    pub plugins: Vec<PluginConfig>,
}

/// The listener for clients. Where a key has a namesake in Socket.IO, its comment says so and the default is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Address to listen on.
    pub host: IpAddr,
    /// TCP port, 0 for a free one. 3001 is the port of the guide's examples.
    pub port: u16,
    /// Begins and ends with a slash. Socket.IO's `path`, default `/socket.io/`.
    pub path: String,
    /// How often the server pings. Socket.IO's `pingInterval`.
    pub ping_interval: Duration,
    /// How long a pong may take before the client counts as gone. Socket.IO's `pingTimeout`.
    pub ping_timeout: Duration,
    /// How long an upgrade to websocket may take. Socket.IO's `upgradeTimeout`.
    pub upgrade_timeout: Duration,
    /// How long a connection may go without joining a namespace. Socket.IO's `connectTimeout`.
    pub connect_timeout: Duration,
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
    /// Whose files are served beside the endpoint; it existed when the configuration was read. Default none.
    pub static_folder: Option<PathBuf>,
    /// Whether the official client is served at `<path>socket.io.min.js`. Socket.IO's `serveClient`, default true.
    pub serve_client: bool,
    /// Where its bundles lie: `node_modules/socket.io-client/dist`. Without it the answer says what is missing.
    pub client_folder: Option<PathBuf>,
}

/// How clients may come in. At least one is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// HTTP long polling.
    pub polling: bool,
    /// WebSocket.
    pub websocket: bool,
}

/// Which pages may connect; guards polling and websocket alike.
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
    /// No other.
    #[default]
    Same,
    /// Every one: `origin = "*"`.
    Any,
    /// These, as browsers write them: lower case, no slash at the end, no default port.
    Listed(Vec<String>),
}

/// The listener for health, metrics and the admin interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Internal {
    /// Without it nothing reports health or metrics.
    pub enabled: bool,
    /// Address to listen on: the admin interface is nothing for the network.
    pub host: IpAddr,
    /// TCP port, 0 for a free one. Beside the clients' by default.
    pub port: u16,
}

/// What the command line says over file and environment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) host: Option<IpAddr>,
    pub(crate) port: Option<u16>,
}

/// How the process environment is read; tests bring one of their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads a file, then the environment and the flags over it.
    pub(crate) fn load(file: &Path, environment: Environment<'_>, flags: Flags) -> Result<Self, Problems> {
        Resolved::load(file, environment, flags).map(|resolved| resolved.config)
    }

    /// The file of the store.
    pub(crate) fn store_path(&self) -> PathBuf {
        self.store.file(self.file.as_deref())
    }

    /// The configuration for a start without a file: defaults, environment and flags, and these plugins with what they ask.
    /// The caller vouches for the components: they are ours, built from this repository.
    pub(crate) fn built_in(plugins: Vec<PluginConfig>, environment: Environment<'_>, flags: Flags) -> Result<Self, Problems> {
        Resolved::built_in(plugins, environment, flags).map(|resolved| resolved.config)
    }
}

impl Origins {
    /// Whether the list lets this Origin header pass. Same-origin and missing headers are the caller's to judge.
    pub fn allow(&self, origin: &str) -> bool {
        match self {
            Self::Same => false,
            Self::Any => true,
            Self::Listed(list) => list.iter().any(|entry| entry.eq_ignore_ascii_case(origin)),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 3001,
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
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

impl Default for Transports {
    fn default() -> Self {
        Self { polling: true, websocket: true }
    }
}

impl Default for Internal {
    fn default() -> Self {
        Self { enabled: true, host: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 3002 }
    }
}

#[cfg(test)]
mod tests;
