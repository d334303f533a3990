//! JSON Web Tokens, verified with keys that only the host holds. Needs the capability `jwt`.

use crate::error::{Error, Result};
use crate::host::host;
use innkeeper_contract::codes;
use serde::de::DeserializeOwned;

/// `jwt.verify(token, key)`: the claims of a valid token. `key` is a name out of `[keys.<name>]` in the host's configuration, which
/// also says which algorithms pass.
///
/// # Errors
/// A token that is refused gives one of the codes `expired`, `not-before`, `signature`, `claims`, `key` and `invalid`, which
/// [`is_refusal`] recognizes; claims that are not of this type give `invalid`. These are errors of the host, for which a client reads a
/// neutral sentence: give it one of your own. A key that is not granted gives `denied`.
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
///     let token: String = socket.auth("token")?.ok_or("No token")?;
///     let claims: Claims = jwt::verify("default", &token).map_err(refused)?;
///     socket.set_data("userId", &claims.user_id)
/// }
///
/// /// What is not the client's error is for the log.
/// fn refused(error: Error) -> Error {
///     if jwt::is_refusal(&error) { Error::new("Auth failed") } else { error }
/// }
/// ```
pub fn verify<T: DeserializeOwned>(key: &str, token: &str) -> Result<T> {
    typed(&host().verify(key, token)?)
}

/// Whether an error of [`verify`] says that the token is not valid. Any other is the operator's, a grant that is missing for one.
pub fn is_refusal(error: &Error) -> bool {
    const REFUSALS: [&str; 6] = [codes::EXPIRED, codes::NOT_BEFORE, codes::SIGNATURE, codes::CLAIMS, codes::KEY, codes::INVALID];
    error.is_host() && REFUSALS.contains(&error.code_str())
}

fn typed<T: DeserializeOwned>(claims: &str) -> Result<T> {
    serde_json::from_str(claims).map_err(|error| Error::host(codes::INVALID, format!("claims: {error}")))
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
