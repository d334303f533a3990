//! The URL of a Redis, as `createClient` of Node's client takes it.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::key_source::Secret;
use super::problem::Problem;
use super::value::{RawValue, text};

const EXAMPLES: &str =
    "write it like \"redis://127.0.0.1:6379\", \"rediss://user:password@redis.example.com:6380/0\" or \"unix:///run/redis.sock\"";
const PORT: u16 = 6379;

/// Where a Redis is, and how one gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl {
    /// Where it listens.
    pub endpoint: RedisEndpoint,
    /// The ACL user; none: the default user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: u16,
}

/// Where a Redis listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisEndpoint {
    /// A host (a name or an address, without brackets) and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// Encrypted.
        tls: bool,
    },
    /// A socket of this machine.
    Unix(PathBuf),
}

impl fmt::Display for RedisUrl {
    /// Without the password.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            RedisEndpoint::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                write!(to, "{scheme}://{host}:{port}")
            }
            RedisEndpoint::Unix(path) => write!(to, "unix://{}", path.display()),
        }
    }
}

/// Reads the URL. No message shows the password.
pub(super) fn redis_url(raw: &RawValue) -> Result<RedisUrl, Problem> {
    let problem = |what: &str| Problem::new(format!("this is no URL of a Redis: {what}"), EXAMPLES);
    let url = Url::parse(&text(raw)?).map_err(|error| problem(&error.to_string()))?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let username = Some(url.username()).filter(|name| !name.is_empty()).map(decoded);
    let password = url.password().map(|password| Secret::new(decoded(password)));
    let (endpoint, database) = match url.scheme() {
        "redis" | "rediss" => {
            let host = match url.host() {
                // Of a scheme that it does not know `url` takes an IPv4 address for a name, which makes no difference here.
                Some(Host::Domain(name)) if !name.is_empty() => decoded(name),
                Some(Host::Ipv4(address)) => address.to_string(),
                Some(Host::Ipv6(address)) => address.to_string(),
                _ => return Err(problem("it names no host")),
            };
            if host.contains(',') {
                return Err(problem("it names several hosts, which is not there yet: one Redis, or its primary, is named"));
            }
            let database = match url.path().trim_matches('/') {
                "" => 0,
                number => number.parse().map_err(|_| problem("behind the host stands the number of the database"))?,
            };
            (RedisEndpoint::Tcp { host, port: url.port().unwrap_or(PORT), tls: url.scheme() == "rediss" }, database)
        }
        "unix" | "redis+unix" => {
            let database = url.query_pairs().find(|(name, _)| name == "db").map_or(Ok(0), |(_, number)| number.parse());
            (
                RedisEndpoint::Unix(decoded(url.path()).into()),
                database.map_err(|_| problem("`db` is the number of the database"))?,
            )
        }
        scheme if scheme.contains("sentinel") => return Err(problem("Sentinel is not there yet: the primary is named")),
        scheme => return Err(problem(&format!("its scheme is {scheme:?}"))),
    };
    if url.query_pairs().any(|(name, _)| name != "db") {
        return Err(problem("only `db` can stand behind the question mark"));
    }
    Ok(RedisUrl { endpoint, username, password, database })
}

#[cfg(test)]
mod tests {
    use super::{RedisEndpoint, RedisUrl, redis_url};
    use crate::config::Secret;
    use crate::config::value::RawValue;

    fn read(text: &str) -> Result<RedisUrl, String> {
        redis_url(&RawValue::variable(text.to_owned())).map_err(|problem| problem.to_string())
    }

    fn tcp(host: &str, port: u16, tls: bool) -> RedisEndpoint {
        RedisEndpoint::Tcp { host: host.to_owned(), port, tls }
    }

    #[test]
    fn urls_of_nodes_client_are_read() {
        let plain = read("redis://localhost").unwrap();
        assert_eq!(
            (plain.endpoint, plain.username, plain.password, plain.database),
            (tcp("localhost", 6379, false), None, None, 0)
        );
        let whole = read("rediss://ann:p%40ss@redis.example.com:6380/3").unwrap();
        assert_eq!(whole.to_string(), "rediss://redis.example.com:6380");
        assert_eq!((whole.endpoint, whole.database), (tcp("redis.example.com", 6380, true), 3));
        assert_eq!((whole.username.as_deref(), whole.password), (Some("ann"), Some(Secret::new("p@ss"))));
        let only_password = read("redis://:secret@[::1]:7000").unwrap();
        assert_eq!((only_password.endpoint.clone(), only_password.username.as_deref()), (tcp("::1", 7000, false), None));
        assert_eq!(only_password.to_string(), "redis://[::1]:7000");
        let unix = read("unix:///run/redis.sock?db=2").unwrap();
        assert_eq!((unix.endpoint, unix.database), (RedisEndpoint::Unix("/run/redis.sock".into()), 2));
    }

    #[test]
    fn other_urls_are_refused_without_showing_the_password() {
        for (url, told) in [
            ("", "relative URL"),
            ("127.0.0.1:6379", ""),
            ("http://:hidden@h", "its scheme is \"http\""),
            ("redis://", "names no host"),
            ("redis://:hidden@h/zero", "number of the database"),
            ("redis://:hidden@h?x=1", "question mark"),
            ("redis+sentinel://:hidden@h", "Sentinel is not there yet"),
            ("unix:///s?db=x", "number of the database"),
        ] {
            let error = read(url).unwrap_err();
            assert!(error.contains(told) && error.contains("write it like") && !error.contains("hidden"), "{url}: {error}");
        }
    }
}
