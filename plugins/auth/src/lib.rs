//! Authenticates clients by their token, on each of its namespaces. Load it before the plugins that rely on it.
//!
//! The token is `handshake.auth.token`, a JSON Web Token with a claim `userId`, a text or a number. A client without a token is
//! refused with `No token`; one whose token is not valid, or whose user is not in the store, with `Auth failed`. Later plugins find
//! the user in `socket.data.user`, and all sockets of a user are in the room `user:<id>`. The id is a text in both, and in the
//! store: 42 is `"42"`.
//!
//! ```toml
//! [keys.default]
//! secret = "${JWT_SECRET}"
//!
//! [plugins.auth]
//! component = "target/innkeeper/auth.wasm"
//! grants = ["jwt:default", "handshake:secrets", "store:users"]
//! namespaces = ["/", "/chat"]                          # allowed to it
//! config = { key = "default", bucket = "users", namespaces = ["/", "/chat"] }      # the defaults
//! ```
//!
//! On a namespace that `config` does not name everybody connects.
//!
//! Users are JSON objects in the store, by their ids: `innkeeper store set users ann '{"name": "Ann"}'`, or a file named by `seed`.
//! Other users may see what is in them: keep no passwords there.

use innkeeper_plugin::{Error, Id, Namespaces, Plugin, Result, Socket, config_once, export, jwt, store};
use serde::Deserialize;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "userId")]
    user_id: Id,
}

/// Requests its own key and its own bucket alone, so that a key that does not exist is found when the plugin is loaded.
fn plugin() -> Result<Plugin> {
    let Config { key, bucket, namespaces } = config_once::<Config>()?;
    if key.is_empty() {
        return Err("config: key: name one of [keys]".into());
    }
    if bucket.is_empty() {
        return Err("config: bucket: name the bucket of the store that has the users".into());
    }
    let plugin =
        Plugin::new().capability(format!("jwt:{key}")).capability("handshake:secrets").capability(format!("store:{bucket}"));
    Ok(namespaces.iter().fold(plugin, |plugin, name| plugin.namespace(name).connect_middleware(authenticate)))
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// A name out of `[keys]`.
    key: String,
    /// Where the store has the users.
    bucket: String,
    /// Where a token is required.
    namespaces: Namespaces,
}

impl Default for Config {
    fn default() -> Self {
        Self { key: "default".to_owned(), bucket: "users".to_owned(), namespaces: ["/", "/chat"].into() }
    }
}

fn authenticate(socket: &Socket) -> Result<()> {
    let token = token(socket.auth("token")?)?;
    let Config { key, bucket, .. } = config_once::<Config>()?;
    let id = jwt::verify::<Claims>(key, &token)?.user_id;
    let mut user: Object = known_user(bucket, id.as_str())?.ok_or_else(auth_failed)?;
    let room = format!("user:{id}");
    user.insert("id".to_owned(), id.as_str().into());
    socket.set_data("user", &user)?;
    socket.join(room)
}

/// A value that is falsy in JavaScript is no token; a value that is not a text cannot be valid.
fn token(given: Option<Value>) -> Result<String> {
    match given {
        None | Some(Value::Null | Value::Bool(false)) => Err(Error::new("No token")),
        Some(Value::String(text)) if text.is_empty() => Err(Error::new("No token")),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(auth_failed()),
    }
}

/// The user with this id in the store. Nobody has an empty id.
fn known_user(bucket: &str, id: &str) -> Result<Option<Object>> {
    if id.is_empty() { Ok(None) } else { store::bucket(bucket).get(id) }
}

fn auth_failed() -> Error {
    Error::new("Auth failed")
}

export!(plugin);

#[cfg(test)]
mod tests;
