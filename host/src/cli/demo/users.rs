//! The users of the demo: for its store, and with tokens for its page.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::auth::{Claims, SignError};
use crate::cli::error::CliError;
use crate::cli::output::say;
use crate::cli::token;
use crate::config::{KeyConfig, Secret, StoreConfig};

/// Ids and names.
const USERS: [(&str, &str); 3] = [("ann", "Ann"), ("bob", "Bob"), ("carol", "Carol")];
const LIFETIME: Duration = Duration::from_hours(12);
const EXPIRED_SINCE: Duration = Duration::from_hours(1);

/// The demo's store, which has the users from its first start on.
pub(super) fn store(folder: &Path) -> io::Result<StoreConfig> {
    let (path, seed) = (folder.join("store.redb"), folder.join("seed.json"));
    let users: Map<_, _> = USERS.iter().map(|(id, name)| ((*id).to_owned(), json!({"name": name}))).collect();
    fs::write(&seed, format!("{:#}\n", json!({"users": users})))?;
    Ok(StoreConfig { path: Some(path), seed: Some(seed), ..StoreConfig::default() })
}

/// The key of the demo, and a line for the operator who has set JWT_SECRET, the key `shared`. The page hands tokens to everybody who
/// opens it, so a key that also opens another server is used only if that was asked for.
pub(super) fn key(shared: Option<KeyConfig>, sign_with_shared: bool) -> Result<KeyConfig, CliError> {
    match (shared, sign_with_shared) {
        (Some(shared), true) => {
            say(format_args!("innkeeper: the demo signs with your JWT_SECRET, and everybody who can open its page gets a token"));
            Ok(shared)
        }
        (None, true) => Err(CliError::NoKey("--sign-with-jwt-secret needs a secret: set the variable JWT_SECRET".to_owned())),
        (Some(_), false) => {
            say(format_args!(
                "innkeeper: the demo does not use your JWT_SECRET, but a key of its own; --sign-with-jwt-secret changes that"
            ));
            random_key()
        }
        (None, false) => random_key(),
    }
}

/// A new key at each start.
fn random_key() -> Result<KeyConfig, CliError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| CliError::Random(error.into()))?;
    Ok(KeyConfig::secret("default", Secret::new(secret)))
}

/// The tokens that the page fetches: `{users: [{id, name, token}], expired}`.
pub(super) fn tokens(key: &KeyConfig) -> Result<String, SignError> {
    let now = SystemTime::now();
    let user = |(id, name): &(&str, &str)| -> Result<Value, SignError> {
        let token = token::make(key, id, now + LIFETIME, Claims::new())?;
        Ok(json!({"id": id, "name": name, "token": token}))
    };
    let users = USERS.iter().map(user).collect::<Result<Vec<_>, _>>()?;
    let expired = token::make(key, USERS.first().map_or("", |(id, _)| id), now - EXPIRED_SINCE, Claims::new())?;
    Ok(format!("{:#}\n", json!({"users": users, "expired": expired})))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test says what it expects")]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::Value;

    use super::{USERS, key, random_key, tokens};
    use crate::auth::{Keys, TokenError};
    use crate::config::{KeyConfig, Secret};

    #[test]
    fn a_key_of_the_environment_signs_only_if_that_was_asked_for() {
        let shared = || KeyConfig::secret("default", Secret::new("a secret of another server"));
        assert_ne!(key(Some(shared()), false).expect("a key").sources, shared().sources);
        assert_eq!(key(Some(shared()), true).expect("a key").sources, shared().sources);
        assert!(key(None, true).is_err());
    }

    #[test]
    fn every_user_has_a_token_for_half_a_day_and_one_token_has_expired() {
        let key = random_key().expect("a key");
        let offered: Value = serde_json::from_str(&tokens(&key).expect("tokens")).expect("JSON");
        let keys = Keys::load(std::slice::from_ref(&key)).expect("a key that can be used");
        let now = SystemTime::now();
        let verify = |token: &Value, at| keys.verify("default", token.as_str().unwrap_or_default(), at);

        let users = offered["users"].as_array().expect("a list");
        assert_eq!(users.len(), USERS.len());
        for user in users {
            let claims = verify(&user["token"], now + Duration::from_hours(11)).expect("still valid");
            let claims: Value = serde_json::from_str(&claims).expect("JSON");
            assert_eq!(claims.get("userId"), user.get("id"));
            assert!(matches!(verify(&user["token"], now + Duration::from_hours(13)), Err(TokenError::Expired { .. })));
        }
        assert!(matches!(verify(&offered["expired"], now), Err(TokenError::Expired { .. })));
    }
}
