//! JSON Web Tokens, verified with keys that only the host holds. Needs the capability `jwt`.

use crate::error::{Error, Result};
use crate::host::host;
use serde::de::DeserializeOwned;

/// `jwt.verify(token, key)`: the claims of a valid token. `key` is a name out of `[keys.<name>]` in the host's configuration, which
/// also says which algorithms pass.
///
/// A token that is malformed, expired, not yet valid or signed otherwise gives an error with the code `invalid`; so do claims that
/// are not of this type. That is an error of the host, so a client would read a neutral sentence: say what it is to read.
///
/// ```no_run
/// use innkeeper_plugin::{Error, Result, Socket, jwt};
///
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Claims {
///     user_id: String,
/// }
///
/// fn check(socket: &Socket) -> Result<()> {
///     let token: String = socket.handshake()?.auth("token")?.ok_or("No token")?;
///     let claims: Claims = jwt::verify("default", &token).map_err(|_| Error::new("Auth failed"))?;
///     socket.set_data("userId", &claims.user_id)
/// }
/// ```
pub fn verify<T: DeserializeOwned>(key: &str, token: &str) -> Result<T> {
    typed(&host().verify(key, token)?)
}

fn typed<T: DeserializeOwned>(claims: &str) -> Result<T> {
    serde_json::from_str(claims).map_err(|error| Error::host("invalid", format!("claims: {error}")))
}

#[cfg(test)]
mod tests {
    use super::typed;

    #[test]
    fn claims_of_another_type_are_as_invalid_as_a_wrong_token() {
        let error = typed::<(u8,)>(r#"{"userId":1}"#).unwrap_err();
        assert_eq!((error.code_str(), error.is_host()), ("invalid", true));
        assert_eq!(typed::<serde_json::Value>(r#"{"userId":1}"#).unwrap(), serde_json::json!({"userId": 1}));
    }
}
