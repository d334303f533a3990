//! Authenticates clients by their token, on `/` and `/chat`. Load it before the plugins that rely on it.
//!
//! The token is `handshake.auth.token`, a JSON Web Token with a claim `userId`. A client without a token is refused with `No
//! token`; one whose token is not valid, or whose user is not in the store, with `Auth failed`. Later plugins find the user in
//! `socket.data.user`, and all sockets of a user are in the room `user:<id>`.
//!
//! ```toml
//! [keys.default]
//! secret = "${JWT_SECRET}"
//!
//! [plugins.auth]
//! component = "target/innkeeper/auth.wasm"
//! grants = ["jwt:default", "handshake:secrets", "store:users"]
//! config = { key = "default", bucket = "users" }      # the defaults
//! ```
//!
//! Users are JSON objects in the store, by their ids: `innkeeper store set users ann '{"name": "Ann"}'`, or a file named by `seed`.
//! Other users may see what is in them: keep no passwords there.

use innkeeper_plugin::{Error, Plugin, Result, Socket, config_once, export, jwt, store};
use serde::Deserialize;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

#[derive(Deserialize)]
struct Claims {
    #[serde(default, rename = "userId")]
    user_id: Value,
}

/// Requests its own key and its own bucket alone, so that a key that does not exist is found when the plugin is loaded.
fn plugin() -> Result<Plugin> {
    let Config { key, bucket } = config_once::<Config>()?;
    if key.is_empty() {
        return Err("config: key: name one of [keys]".into());
    }
    if bucket.is_empty() {
        return Err("config: bucket: name the bucket of the store that has the users".into());
    }
    let plugin = Plugin::new()
        .capability(format!("jwt:{key}"))
        .capability("handshake:secrets")
        .capability(format!("store:{bucket}"))
        .namespace("/")
        .connect_middleware(authenticate)
        .namespace("/chat")
        .connect_middleware(authenticate);
    Ok(plugin)
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// A name out of `[keys]`.
    key: String,
    /// Where the store has the users.
    bucket: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { key: "default".to_owned(), bucket: "users".to_owned() }
    }
}

fn authenticate(socket: &Socket) -> Result<()> {
    let token = token(socket.auth("token")?)?;
    let Config { key, bucket } = config_once::<Config>()?;
    let claims = jwt::verify(key, &token).map_err(refusal)?;
    let id = user_id(claims)?;
    let mut user: Object = store::bucket(bucket).get(&id)?.ok_or_else(auth_failed)?;
    let room = format!("user:{id}");
    user.insert("id".to_owned(), id.into());
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

/// A token that is not valid is the client's error. Any other error is the operator's, and for the log.
fn refusal(error: Error) -> Error {
    if jwt::is_refusal(&error) { auth_failed() } else { error }
}

/// The user that the claims name; a number counts as its digits.
fn user_id(Claims { user_id }: Claims) -> Result<String> {
    match user_id {
        Value::String(id) if !id.is_empty() => Ok(id),
        Value::Number(id) => Ok(id.to_string()),
        _ => Err(auth_failed()),
    }
}

fn auth_failed() -> Error {
    Error::new("Auth failed")
}

export!(plugin);

#[cfg(test)]
mod tests;
