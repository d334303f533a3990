//! `jwt`: tokens, verified with keys that the guest never sees.

use std::time::SystemTime;

use super::CallState;
use crate::auth::Refused;
use crate::plugin::bindings::v0_1::jwt::Host;
use crate::plugin::bindings::v0_1::types::Failure;
use crate::plugin::capability;
use crate::plugin::text::refusal;

impl Host for CallState {
    fn verify(&mut self, key: String, token: String) -> Result<String, Failure> {
        self.need(capability::JWT)?;
        match self.facts.keys.verify(&key, &token, SystemTime::now()) {
            Ok(claims) => Ok(serde_json::Value::Object(claims).to_string()),
            Err(unknown @ Refused::UnknownKey(_)) => Err(refusal("unknown", unknown.to_string())),
            Err(Refused::Invalid(reason)) => {
                tracing::debug!(plugin = &*self.facts.label, key, reason, "a token was refused");
                Err(refusal("invalid", "the token is not valid"))
            }
        }
    }
}
