//! JSON Web Tokens, verified with keys that only the host holds. Needs the capability `jwt`.

use crate::error::{Error, Result};
use crate::host::host;
use crate::{json, log};
use innkeeper_contract::codes;
use serde::de::DeserializeOwned;

/// What a client reads whose token is refused. Why is in the code, and in the host's log at the level debug.
const AUTH_FAILED: &str = "Auth failed";

/// `jwt.verify(token, key)`: the claims of a valid token. `key` is a name out of `[keys.<name>]` in the host's configuration, which
/// also says which algorithms pass.
///
/// # Errors
/// A token that is refused gives an error for the client: the message `Auth failed`, and one of the codes `expired`, `not-before`,
/// `signature`, `claims`, `key` and `invalid`; [`is_refusal`] recognizes it. So `?` is enough, in connect middleware and elsewhere, and
/// tokens that anybody can make up fill no log.
///
/// Claims of a valid token that are not of the type `T` are refused so too, with the code `invalid`, and logged: whoever makes the
/// tokens and the plugin disagree. An `Option` with `#[serde(default)]` lets a claim be absent.
///
/// Where no claim is of interest, `jwt::verify::<()>(…)?` takes any.
///
/// Any other error is for the operator, a key that is not granted (`denied`) for one.
///
/// ```no_run
/// use innkeeper_plugin::{Id, Result, Socket, jwt};
///
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Claims {
///     user_id: Id,
/// }
///
/// fn authenticate(socket: &Socket) -> Result<()> {
///     let token: String = socket.auth("token")?.ok_or("No token")?;
///     let claims: Claims = jwt::verify("default", &token)?;
///     socket.set_data("userId", &claims.user_id)
/// }
/// ```
pub fn verify<T: DeserializeOwned>(key: &str, token: &str) -> Result<T> {
    let claims = host().verify(key, token).map_err(for_the_client)?;
    json::read(&claims).map_err(|error| {
        log::warn(format_args!("the claims of a valid token are not what the plugin expects: {error}"));
        refusal(codes::INVALID)
    })
}

/// Whether an error of [`verify`] says that the token is not valid. Any other is the operator's, a grant that is missing for one.
pub fn is_refusal(error: &Error) -> bool {
    !error.is_host() && is_code_of_refusal(error.code_str())
}

fn for_the_client(error: Error) -> Error {
    if is_code_of_refusal(error.code_str()) { refusal(error.code_str()) } else { error }
}

fn is_code_of_refusal(code: &str) -> bool {
    [codes::EXPIRED, codes::NOT_BEFORE, codes::SIGNATURE, codes::CLAIMS, codes::KEY, codes::INVALID].contains(&code)
}

fn refusal(code: &str) -> Error {
    Error::new(AUTH_FAILED).code(code)
}
