//! Signing of tokens, for an operator at the console and for the demo. Plugins cannot sign.

use serde_json::{Map, Value};

use super::error::AuthError;
use super::jwt::Verifier;
use crate::config::KeyConfig;

/// What a token is to say.
pub(crate) type Claims = Map<String, Value>;

/// Why no token was signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    #[error(
        "keys.{0} is a public key: it verifies and cannot sign; get a token from the owner of its private key, or name a key that has a secret"
    )]
    PublicKey(String),

    #[error(transparent)]
    Key(#[from] AuthError),
}

/// A token that this key accepts: signed with one of its algorithms, and with its issuer and audience unless the claims name others.
pub(crate) fn sign(key: &KeyConfig, mut claims: Claims) -> Result<String, SignError> {
    for (name, list) in [("iss", &key.issuer), ("aud", &key.audience)] {
        if let Some(first) = list.first() {
            claims.entry(name).or_insert_with(|| Value::from(first.as_str()));
        }
    }
    Verifier::load(key)?.sign(&claims).ok_or_else(|| SignError::PublicKey(key.name.clone()))
}
