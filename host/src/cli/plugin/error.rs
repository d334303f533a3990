//! Why a command about a running server was not done, and what to do about it.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    #[error("{0:?} is no address of an admin interface; write it as http://127.0.0.1:3002")]
    Url(String),
    #[error(
        "TLS is not spoken here ({0:?}): for a server on another machine, bring its port to this one (ssh -L 3002:127.0.0.1:3002 <machine>)"
    )]
    Tls(String),
    #[error("{}: [internal] enabled is false, so a server with this configuration has no admin interface", .0.display())]
    Disabled(PathBuf),
    #[error("{}: [internal] port is 0, so only the server knows its port: give the address in its log (\"internal interface listening\") with --url", .0.display())]
    FreePort(PathBuf),
    #[error(
        "no server answers at {url}; is it running, and is that the address of [internal] in its configuration? --url and --config name another"
    )]
    NoServer {
        url: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the token in {}; a server makes that file at its start, for its own user. --token-file names another, and so does --config", .path.display())]
    Token {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0} holds no token")]
    NoToken(String),
    #[error("the component {path:?} cannot be read")]
    Component {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the connection to {url} has failed")]
    Connection {
        url: String,
        #[source]
        source: hyper::Error,
    },
    #[error("the server at {url} does not accept the token of {token}: {detail}; --token-file names that of this server")]
    Unauthorized { url: String, token: String, detail: String },
    /// The server's own sentence says what to do.
    #[error("{0}")]
    Refused(String),
    /// The same about one plugin, whose name the sentence may not have.
    #[error("{plugin}: {detail}")]
    NotChanged { plugin: String, detail: String },
    #[error("what answers at {url} is no admin interface of innkeeper (status {status}); --url names another address")]
    Stranger { url: String, status: u16 },
    #[error("the answer of the server is not as expected; is it of another version than this command? (`innkeeper --version`)")]
    Answer(#[source] serde_json::Error),
    #[error("the answer of the server is longer than expected")]
    Long,
}

impl AdminError {
    /// The error of a request to change this plugin.
    pub(super) fn of_change(self, plugin: &str) -> Self {
        match self {
            Self::Refused(detail) if !detail.contains(plugin) => Self::NotChanged { plugin: plugin.to_owned(), detail },
            other => other,
        }
    }
}
