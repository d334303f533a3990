//! Who somebody is: JSON Web Tokens, verified with keys that only the host holds, and signed for whoever works at its console.
//!
//! `jwt` knows keys and signatures; the rules about claims are here, those of Node's `jsonwebtoken`. Which algorithms pass is the
//! key's affair and never the token's, so `alg: none` and an HMAC made with a public key are nothing that could be asked for.
//! Nothing in here shows a token or a secret; why one was refused is for the debug log, and nobody else is told.

mod jwt;
mod sign;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use innkeeper_contract::limits::TOKEN_BYTES_MAX;
use serde_json::{Map, Value};

use crate::config::{KeyConfig, KeySource};
use jwt::Verifier;
pub(crate) use sign::{SignError, sign};

/// Shorter secrets are found by trying.
const SECRET_BYTES_GOOD: usize = 32;

/// What a token says.
pub(crate) type Claims = Map<String, Value>;

/// All keys of the configuration, by name.
#[derive(Default)]
pub(crate) struct Keys {
    keys: HashMap<String, Key>,
}

struct Key {
    verifier: Verifier,
    issuer: Vec<String>,
    audience: Vec<String>,
    leeway: Duration,
}

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("keys.{key}: cannot read {}: {source}", path.display())]
    Read { key: String, path: PathBuf, source: std::io::Error },

    #[error("keys.{key}: {} {what}", path.display())]
    Unfit { key: String, path: PathBuf, what: String },

    #[error("keys.{key}: the algorithm {algorithm:?} does not go with this key")]
    Algorithm { key: String, algorithm: String },
}

/// Why a token was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("there is no key {0:?} in the configuration")]
    UnknownKey(String),

    /// `exp`, in seconds since 1970.
    #[error("it has expired")]
    Expired { at: f64 },

    /// `nbf`, in seconds since 1970.
    #[error("it is not valid yet")]
    NotBefore { from: f64 },

    /// The reason is for the operator, not for whoever brought the token.
    #[error("{0}")]
    Invalid(String),
}

impl Keys {
    /// Reads and checks every key.
    pub(crate) fn load(configs: &[KeyConfig]) -> Result<Self, AuthError> {
        let mut keys = HashMap::new();
        for config in configs {
            if matches!(&config.source, KeySource::Secret(secret) if secret.reveal().len() < SECRET_BYTES_GOOD) {
                tracing::warn!(key = config.name, "this secret is shorter than {SECRET_BYTES_GOOD} bytes and can be guessed");
            }
            let verifier = Verifier::load(config)?;
            let (issuer, audience) = (config.issuer.clone(), config.audience.clone());
            keys.insert(config.name.clone(), Key { verifier, issuer, audience, leeway: config.leeway });
        }
        Ok(Self { keys })
    }

    /// The claims of a token that this key vouches for.
    pub(crate) fn verify(&self, key: &str, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        let key = self.keys.get(key).ok_or_else(|| TokenError::UnknownKey(key.to_owned()))?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid(format!("it has more than {TOKEN_BYTES_MAX} bytes")));
        }
        let claims = key.verifier.verify(token).map_err(TokenError::Invalid)?;
        key.check(&claims, seconds(now))?;
        Ok(claims)
    }
}

impl Key {
    /// The registered claims: each is optional in the token unless the configuration names its value.
    fn check(&self, claims: &Claims, now: f64) -> Result<(), TokenError> {
        let invalid = |reason: &str| TokenError::Invalid(reason.to_owned());
        let leeway = self.leeway.as_secs_f64();
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| invalid(&format!("`{name}` is not a number"))),
        };
        if let Some(from) = time("nbf")?.filter(|from| *from > now + leeway) {
            return Err(TokenError::NotBefore { from });
        }
        if let Some(at) = time("exp")?.filter(|until| now >= until + leeway) {
            return Err(TokenError::Expired { at });
        }
        let is_listed = |list: &[String], value: &Value| value.as_str().is_some_and(|name| list.iter().any(|one| one == name));
        if !self.issuer.is_empty() && !claims.get("iss").is_some_and(|issuer| is_listed(&self.issuer, issuer)) {
            return Err(invalid("it is from another issuer"));
        }
        let for_us = |audience: &Value| match audience {
            Value::Array(list) => list.iter().any(|one| is_listed(&self.audience, one)),
            one => is_listed(&self.audience, one),
        };
        if !self.audience.is_empty() && !claims.get("aud").is_some_and(for_us) {
            return Err(invalid("it is for another audience"));
        }
        Ok(())
    }
}

/// Whole seconds, as the claims count them.
fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(since.as_secs()).as_secs_f64()
}

#[cfg(test)]
mod tests;
