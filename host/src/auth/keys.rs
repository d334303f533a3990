//! The keys of the configuration.

use std::collections::HashMap;
use std::time::SystemTime;

use innkeeper_contract::limits::TOKEN_BYTES_MAX;

use super::claims::{ClaimRules, Claims};
use super::error::{AuthError, TokenError};
use super::jwt::Verifier;
use crate::config::{KeyConfig, KeySource};

/// Shorter secrets can be guessed.
const SECRET_BYTES_GOOD: usize = 32;

/// All keys of the configuration, by name.
#[derive(Default)]
pub(crate) struct Keys {
    keys: HashMap<String, Key>,
}

struct Key {
    verifier: Verifier,
    rules: ClaimRules,
}

impl Keys {
    /// Reads and checks every key.
    pub(crate) fn load(configs: &[KeyConfig]) -> Result<Self, AuthError> {
        let mut keys = HashMap::new();
        for config in configs {
            if matches!(&config.source, KeySource::Secret(secret) if secret.reveal().len() < SECRET_BYTES_GOOD) {
                tracing::warn!(key = config.name, "this secret is shorter than {SECRET_BYTES_GOOD} bytes and can be guessed");
            }
            let key = Key { verifier: Verifier::load(config)?, rules: ClaimRules::of(config) };
            keys.insert(config.name.clone(), key);
        }
        Ok(Self { keys })
    }

    /// Whether there is a key of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The claims of a token that this key verifies.
    pub(crate) fn verify(&self, key: &str, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        let key = self.keys.get(key).ok_or_else(|| TokenError::UnknownKey(key.to_owned()))?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid(format!("it has more than {TOKEN_BYTES_MAX} bytes")));
        }
        let claims = key.verifier.verify(token)?;
        key.rules.check(&claims, now)?;
        Ok(claims)
    }
}
