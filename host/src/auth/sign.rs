//! Signing of tokens, for an operator at the console and for the demo. Plugins cannot sign.

use serde_json::Value;

use super::claims::Claims;
use super::jwt;
use crate::config::{KeyConfig, KeySource};

/// The algorithm where the key does not name others.
const ALGORITHM: &str = "HS256";

/// Why no token was signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    #[error(
        "keys.{0} is a public key: it verifies and cannot sign; get a token from the owner of its private key, or name a key that has a secret"
    )]
    PublicKey(String),

    #[error("keys.{key}: the algorithm {algorithm:?} does not sign with a secret; use HS256, HS384 or HS512")]
    Algorithm { key: String, algorithm: String },
}

/// A token that this key accepts: signed with one of its algorithms, and with its issuer and audience unless the claims name others.
pub(crate) fn sign(key: &KeyConfig, mut claims: Claims) -> Result<String, SignError> {
    let KeySource::Secret(secret) = &key.source else {
        return Err(SignError::PublicKey(key.name.clone()));
    };
    for (name, list) in [("iss", &key.issuer), ("aud", &key.audience)] {
        if let Some(first) = list.first() {
            claims.entry(name).or_insert_with(|| Value::from(first.as_str()));
        }
    }
    let ordinary = key.algorithms.is_empty() || key.algorithms.iter().any(|name| name == ALGORITHM);
    let algorithm = key.algorithms.first().filter(|_| !ordinary).map_or(ALGORITHM, String::as_str);
    let unfit = || SignError::Algorithm { key: key.name.clone(), algorithm: algorithm.to_owned() };
    jwt::signed(secret.reveal(), algorithm, &claims).ok_or_else(unfit)
}
