//! A token taken apart. Nothing that it says counts before its signature has been verified.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::TokenError;

/// The members of a JSON object, each as it was written. Of two with one name the last counts, as in JavaScript.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Members<'a>(#[serde(borrow)] BTreeMap<String, &'a RawValue>);

/// The parts of a token, of which signature and claims are still to be checked.
pub(super) struct Token<'a> {
    /// `alg`.
    pub(super) algorithm: String,
    /// `kid`, if there is one.
    pub(super) key_id: Option<String>,
    /// What was signed.
    pub(super) message: &'a str,
    pub(super) signature: &'a str,
    /// The text of the claims, as the issuer wrote it.
    pub(super) claims: String,
}

impl<'a> Token<'a> {
    /// Of the header only `alg`, `kid` and `crit` are read. The rest may be of any type, as for Node's `jsonwebtoken`.
    pub(super) fn parse(text: &'a str) -> Result<Self, TokenError> {
        let (message, signature) = text.rsplit_once('.').ok_or_else(|| not_a_token("no three parts"))?;
        let (header, claims) = message.split_once('.').ok_or_else(|| not_a_token("no three parts"))?;
        let header = decoded(header).ok_or_else(|| not_a_token("a header that is not base64"))?;
        let header = Members::read(&header).ok_or_else(|| not_a_token("a header that is not a JSON object"))?;
        let Some(Value::String(algorithm)) = header.value("alg") else {
            return Err(not_a_token("a header without `alg`"));
        };
        if header.value("crit").is_some_and(|extensions| !extensions.is_null()) {
            return Err(TokenError::Invalid("it requires extensions (`crit`), and this server has none".to_owned()));
        }
        let key_id = header.value("kid").filter(|id| !id.is_null()).map(|id| id_text(&id));
        let claims = decoded(claims).ok_or_else(|| not_a_token("claims that are not base64"))?;
        Ok(Self { algorithm, key_id, message, signature, claims })
    }
}

impl<'a> Members<'a> {
    /// None for what is not a JSON object.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// A member. What JavaScript can hold and Rust cannot, half of a surrogate pair for one, is `false`: a value of the wrong type.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(|raw| serde_json::from_str(raw.get()).unwrap_or(Value::Bool(false)))
    }
}

/// The text of a key's id. A number may be one too: 7 and "7" are the same id.
pub(super) fn id_text(id: &Value) -> String {
    match id {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        other => other.to_string(),
    }
}

/// The sentence for a text that is not a token, and has this instead.
pub(super) fn not_a_token(what: &str) -> TokenError {
    TokenError::Invalid(format!("it is not a token: it has {what}"))
}

/// None for bytes that are not UTF-8, too.
fn decoded(part: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
