//! The options of Socket.IO's server 4.8 that are no keys here, each with what takes its place.
//!
//! The options that are keys have the same name with underscores, and are described beside the keys. docs/unsupported.md goes through
//! all of them.

use super::problem::Problem;
use super::spelling::is_same;

const PAGE: &str = "see docs/unsupported.md";

/// An option of `new Server(…)`, and the answer to who sets it.
struct ServerOption {
    /// As in JavaScript, with the object that it belongs to: `cors.methods`.
    name: &'static str,
    here: &'static str,
}

const OPTIONS: [ServerOption; 26] = [
    option("adapter", "`url` in `[adapter.redis]`"),
    option("addTrailingSlash", "not yet: the endpoint's path ends with a slash"),
    option("allowEIO3", "not yet: clients of Socket.IO 2 are refused, those of 3 and 4 connect"),
    option("allowRequest", "connect middleware of a plugin instead, and `origin` in `[server.cors]`"),
    option("cleanupEmptyChildNamespaces", "not needed: a namespace exists as long as a plugin registers it"),
    option("connectionStateRecovery", "not yet: after a lost connection a client has a new socket"),
    option("connectionStateRecovery.maxDisconnectionDuration", "not yet, as the whole"),
    option("connectionStateRecovery.skipMiddlewares", "not yet, as the whole"),
    option("cookie.domain", "not yet: the cookie is for the host that set it"),
    option("cookie.encode", "not needed: the value has no character that needs it"),
    option("cookie.expires", "`max_age` in `[server.cookie]` instead"),
    option("cookie.partitioned", "not yet"),
    option("cookie.priority", "not yet"),
    option("cors.allowedHeaders", "not needed: a preflight is answered with the headers that it asks for"),
    option("cors.exposedHeaders", "not yet: no response has a header that a page needs"),
    option("cors.maxAge", "not yet: browsers may keep the answer to a preflight for 10 minutes"),
    option("cors.methods", "not needed: a preflight is answered with the methods of the endpoint"),
    option("cors.optionsSuccessStatus", "not needed: a preflight is answered with 204"),
    option("cors.preflightContinue", "not needed: nothing stands behind the endpoint that could answer a preflight"),
    option(
        "destroyUpgrade",
        "not needed: no other program shares the port; an upgrade on another path is answered as any request",
    ),
    option("destroyUpgradeTimeout", "not needed, as `destroyUpgrade`"),
    option("httpCompression", "not yet; a reverse proxy can compress the responses to polls"),
    option("initialPacket", "not yet; a plugin emits in `connection`"),
    option("parser", "not yet: packets are those of the default parser"),
    option("perMessageDeflate", "not yet: messages of a websocket are not compressed"),
    option("wsEngine", "not needed: websockets are built in"),
];

const fn option(name: &'static str, here: &'static str) -> ServerOption {
    ServerOption { name, here }
}

/// The problem of a key that is an option of Socket.IO, in its spelling or with underscores. `table`: where it stands.
pub(super) fn option_problem(table: &str, written: &str) -> Option<Problem> {
    let inside = match table {
        "" | "server" => "",
        other => other.strip_prefix("server.")?,
    };
    let of_table = |option: &&ServerOption| match option.name.split_once('.') {
        Some((parent, name)) => is_same(parent, inside) && is_same(name, written),
        None => inside.is_empty() && is_same(option.name, written),
    };
    let option = OPTIONS.iter().find(of_table)?;
    Some(Problem::new(format!("Socket.IO's option `{}`: {}", option.name, option.here), PAGE))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test says what it expects")]
mod tests {
    use std::collections::BTreeMap;

    use super::{OPTIONS, option_problem};
    use crate::config::schema::{TABLES, described};

    /// The options of socket.io 4.8.4, with those of engine.io 6.6 (`ServerOptions`, `AttachOptions`), and of the packages cors and cookie.
    const ALL: &str = "path serveClient adapter parser connectTimeout connectionStateRecovery \
        connectionStateRecovery.maxDisconnectionDuration connectionStateRecovery.skipMiddlewares cleanupEmptyChildNamespaces \
        destroyUpgrade destroyUpgradeTimeout addTrailingSlash pingTimeout pingInterval upgradeTimeout maxHttpBufferSize \
        allowRequest transports allowUpgrades perMessageDeflate httpCompression wsEngine initialPacket allowEIO3 \
        cookie.name cookie.path cookie.httpOnly cookie.sameSite cookie.secure cookie.maxAge cookie.domain cookie.encode \
        cookie.expires cookie.partitioned cookie.priority \
        cors.origin cors.credentials cors.methods cors.allowedHeaders cors.exposedHeaders cors.maxAge cors.preflightContinue \
        cors.optionsSuccessStatus";

    /// What each option is here: a key, or what takes its place.
    fn all() -> BTreeMap<&'static str, String> {
        let keys = TABLES.iter().flat_map(|table| {
            let rows = described(table).into_iter().filter(|row| !row.socket_io.is_empty());
            rows.map(|row| (row.socket_io, format!("`{}` in `[{}]`", row.name, table.path))).collect::<Vec<_>>()
        });
        OPTIONS.iter().map(|option| (option.name, option.here.to_owned())).chain(keys).collect()
    }

    #[test]
    fn every_option_of_socket_io_is_a_key_or_has_an_answer() {
        let mut expected: Vec<_> = ALL.split_whitespace().collect();
        expected.sort_unstable();
        assert_eq!(all().into_keys().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_page_says_of_every_option_what_the_host_says() {
        let page = include_str!("../../../docs/unsupported.md");
        let (_, table) = page.split_once("## Options of Socket.IO's server").expect("the section");
        let (_, rows) = table.split_once("|---|---|\n").expect("the table");
        let rows: BTreeMap<_, _> = rows
            .lines()
            .take_while(|line| line.starts_with('|'))
            .filter_map(|line| line.trim_matches('|').split_once('|'))
            .map(|(option, here)| (option.trim().trim_matches('`'), here.trim().to_owned()))
            .collect();
        assert_eq!(rows, all());
    }

    #[test]
    fn an_option_is_known_in_either_spelling_and_in_its_table_only() {
        let told = |table, written| option_problem(table, written).map(|problem| problem.to_string());
        let recovery = "Socket.IO's option `connectionStateRecovery`: not yet: after a lost connection a client has a new socket; see docs/unsupported.md";
        for written in ["connectionStateRecovery", "connection_state_recovery"] {
            assert_eq!(told("server", written).as_deref(), Some(recovery));
            assert_eq!(told("", written).as_deref(), Some(recovery));
            assert_eq!(told("limits", written), None);
        }
        assert!(told("server.cors", "allowed_headers").is_some_and(|told| told.contains("cors.allowedHeaders")));
        assert_eq!(told("server", "allowed_headers"), None);
    }
}
