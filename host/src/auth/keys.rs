//! The keys of the configuration.

use std::collections::HashMap;
use std::time::SystemTime;

use innkeeper_contract::limits::TOKEN_BYTES_MAX;

use super::claims::ClaimRules;
use super::error::{AuthError, TokenError};
use super::jwt::Verifier;
use super::token::Token;
use crate::config::KeyConfig;

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
            let key = Key { verifier: Verifier::load(config)?, rules: ClaimRules::of(config) };
            keys.insert(config.name.clone(), key);
        }
        Ok(Self { keys })
    }

    /// Whether there is a key of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The claims of a token that this key verifies: a JSON object, as the issuer of the token wrote it.
    pub(crate) fn verify(&self, key: &str, token: &str, now: SystemTime) -> Result<String, TokenError> {
        let key = self.keys.get(key).ok_or_else(|| TokenError::UnknownKey(key.to_owned()))?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid(format!("it has more than {TOKEN_BYTES_MAX} bytes")));
        }
        let token = Token::parse(token)?;
        key.verifier.verify(&token, now)?;
        key.rules.check(&token.claims, now)?;
        Ok(token.claims)
    }
}
