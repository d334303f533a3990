//! Names of the fields that `sockets.get-handshake` and `sockets.fetch` take. Both lists are open. `get-handshake` takes one
//! parameter or one header too: `query:token`, `headers:origin`.

/// The address of the peer.
pub const ADDRESS: &str = "address";
/// The parameters of the URL.
pub const QUERY: &str = "query";
/// The request target.
pub const URL: &str = "url";
/// The headers of the request.
pub const HEADERS: &str = "headers";
/// The `auth` of the client.
pub const AUTH: &str = "auth";
/// `fetch` only: the rooms of a socket.
pub const ROOMS: &str = "rooms";
/// `fetch` only: the data of a socket.
pub const DATA: &str = "data";
/// `fetch` only: the handshake, with its query, address and URL.
pub const HANDSHAKE: &str = "handshake";

/// The field that is one of many: `query:token` for [`QUERY`] and `token`.
pub fn one(field: &str, name: &str) -> String {
    format!("{field}:{name}")
}

/// The name of the one of many that a field is: `token` if it is `query:token` and the field of all is [`QUERY`].
pub fn one_of<'a>(requested: &'a str, field: &str) -> Option<&'a str> {
    requested.strip_prefix(field)?.strip_prefix(':')
}

/// The fields of `get-handshake`.
pub const OF_HANDSHAKE: [&str; 5] = [ADDRESS, QUERY, URL, HEADERS, AUTH];
/// The fields of `fetch`.
pub const OF_FETCH: [&str; 5] = [ROOMS, DATA, HANDSHAKE, AUTH, HEADERS];
