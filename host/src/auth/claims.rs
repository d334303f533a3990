//! What a token says, and the registered claims in it: each is optional unless the configuration names its value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::error::TokenError;
use super::token::{Members, not_a_token};
use crate::config::KeyConfig;

/// What a key demands of the claims.
pub(super) struct ClaimRules {
    issuer: Vec<String>,
    audience: Vec<String>,
    leeway: Duration,
}

impl ClaimRules {
    pub(super) fn of(config: &KeyConfig) -> Self {
        Self { issuer: config.issuer.clone(), audience: config.audience.clone(), leeway: config.leeway }
    }

    /// Checks the claims, a JSON object, as Node's `jsonwebtoken` does.
    pub(super) fn check(&self, claims: &str, now: SystemTime) -> Result<(), TokenError> {
        let claims = Members::read(claims).ok_or_else(|| not_a_token("claims that are not a JSON object"))?;
        let (now, leeway) = (seconds(now), self.leeway.as_secs_f64());
        let wrong = |reason: &str| TokenError::Claims(reason.to_owned());
        let time = |name: &str| match claims.value(name) {
            None => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| wrong(&format!("`{name}` is not a number"))),
        };
        if let Some(from) = time("nbf")?.filter(|from| *from > now + leeway) {
            return Err(TokenError::NotBefore { from });
        }
        if let Some(at) = time("exp")?.filter(|until| now >= until + leeway) {
            return Err(TokenError::Expired { at });
        }
        let is_listed = |list: &[String], value: &Value| value.as_str().is_some_and(|name| list.iter().any(|one| one == name));
        if !self.issuer.is_empty() && !claims.value("iss").is_some_and(|issuer| is_listed(&self.issuer, &issuer)) {
            return Err(wrong("it is from another issuer"));
        }
        let is_for_us = |audience: Value| match &audience {
            Value::Array(list) => list.iter().any(|one| is_listed(&self.audience, one)),
            one => is_listed(&self.audience, one),
        };
        if !self.audience.is_empty() && !claims.value("aud").is_some_and(is_for_us) {
            return Err(wrong("it is for another audience"));
        }
        Ok(())
    }
}

/// Whole seconds, as the claims count them.
fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(since.as_secs()).as_secs_f64()
}
