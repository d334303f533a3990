//! Lets in who brings a valid token, on `/` and `/chat`. Load it before the plugins that rely on it.
//!
//! The token is `handshake.auth.token`, a JSON Web Token with a claim `userId`. Without one the client reads `No token`, with one that
//! is not valid `Auth failed`. Later plugins find the user in `socket.data.user`; all sockets of a user are in the room `user:<id>`.
//!
//! ```toml
//! [keys.default]
//! secret = "${JWT_SECRET}"
//!
//! [plugins.auth]
//! component = "target/innkeeper/auth.wasm"
//! grants = ["jwt", "handshake:secrets"]
//! config = { key = "default" }              # the name of another key, if need be
//! ```

use innkeeper_plugin::{Error, Plugin, Result, Socket, config, export, jwt};
use serde::Deserialize;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

fn plugin() -> Plugin {
    Plugin::new()
        .capability("jwt")
        .capability("handshake:secrets")
        .namespace("/")
        .connect_middleware(authenticate)
        .namespace("/chat")
        .connect_middleware(authenticate)
}

#[derive(Deserialize)]
#[serde(default)]
struct Config {
    /// A name out of `[keys]`.
    key: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { key: "default".to_owned() }
    }
}

fn authenticate(socket: &Socket) -> Result<()> {
    let token = token(socket.handshake()?.auth("token")?)?;
    let Config { key } = config()?;
    let claims = jwt::verify(&key, &token).map_err(refusal)?;
    let (room, user) = find_user(claims)?;
    socket.set_data("user", &user)?;
    socket.join(room)
}

/// What JavaScript would call falsy is no token; what is no text cannot be valid.
fn token(given: Option<Value>) -> Result<String> {
    match given {
        None | Some(Value::Null | Value::Bool(false)) => Err(Error::new("No token")),
        Some(Value::String(text)) if text.is_empty() => Err(Error::new("No token")),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(auth_failed()),
    }
}

/// A token that is not valid is the client's mistake. A missing grant or key is the operator's: the log says it.
fn refusal(error: Error) -> Error {
    if error.is_host() && error.code_str() != "invalid" { error } else { auth_failed() }
}

/// The user whom the claims name, and the room of that user. Who keeps users elsewhere looks them up here.
fn find_user(mut claims: Object) -> Result<(String, Object)> {
    let id = claims.remove("userId").ok_or_else(auth_failed)?;
    let room = match &id {
        Value::String(id) if !id.is_empty() => format!("user:{id}"),
        Value::Number(id) => format!("user:{id}"),
        _ => return Err(auth_failed()),
    };
    claims.insert("id".to_owned(), id);
    Ok((room, claims))
}

fn auth_failed() -> Error {
    Error::new("Auth failed")
}

export!(plugin);

#[cfg(test)]
mod tests {
    use super::{find_user, token};
    use serde_json::{Value, json};

    fn found(claims: Value) -> Option<(String, Value)> {
        let Value::Object(claims) = claims else { return None };
        find_user(claims).ok().map(|(room, user)| (room, Value::Object(user)))
    }

    #[test]
    fn claims_that_name_nobody_are_refused() {
        for claims in [json!({}), json!({"userId": ""}), json!({"userId": null}), json!({"userId": ["a"]}), json!({"id": 1})] {
            assert_eq!(found(claims), None);
        }
    }

    #[test]
    fn the_user_is_made_of_the_claims_and_no_claim_takes_the_place_of_the_id() {
        let user = json!({"id": "ann", "name": "Ann", "exp": 5});
        let claims = json!({"userId": "ann", "id": "bob", "name": "Ann", "exp": 5});
        assert_eq!(found(claims), Some(("user:ann".into(), user)));
        assert_eq!(found(json!({"userId": 7})), Some(("user:7".into(), json!({"id": 7}))));
    }

    #[test]
    fn what_is_no_text_is_no_valid_token() {
        let told = |given: Option<Value>| token(given).unwrap_err().message().to_owned();
        for given in [None, Some(json!(null)), Some(json!("")), Some(json!(false))] {
            assert_eq!(told(given), "No token");
        }
        for given in [json!(5), json!({"a": 1}), json!(["x"]), json!(true)] {
            assert_eq!(told(Some(given)), "Auth failed");
        }
        assert_eq!(token(Some(json!("a.b.c"))).unwrap(), "a.b.c");
    }
}
