//! `jwt`: tokens, verified with keys that the guest never sees.

use std::sync::Arc;
use std::time::SystemTime;

use super::InstanceState;
use crate::auth::{Keys, TokenError};
use crate::plugin::bindings::v0_1::jwt::Host;
use crate::plugin::bindings::v0_1::types::Failure;
use crate::plugin::capability;
use crate::plugin::validate::refusal;

/// The keys as one plugin may use them.
#[derive(Clone)]
pub(crate) struct KeyAccess {
    pub(crate) keys: Arc<Keys>,
    /// The names of a narrowed grant; None: all.
    pub(crate) names: Option<Vec<String>>,
}

impl Host for InstanceState {
    fn verify(&mut self, key: String, token: String) -> Result<String, Failure> {
        self.need(capability::JWT)?;
        let access = &self.context.keys;
        if access.names.as_ref().is_some_and(|names| !names.contains(&key)) {
            let message = format!("the key {key:?} is not granted; the operator adds \"jwt:{key}\" to its grants");
            return Err(refusal("denied", message));
        }
        match access.keys.verify(&key, &token, SystemTime::now()) {
            Ok(claims) => Ok(serde_json::Value::Object(claims).to_string()),
            Err(unknown @ TokenError::UnknownKey(_)) => Err(refusal("unknown", unknown.to_string())),
            Err(reason) => {
                tracing::debug!(plugin = &*self.context.label, key, %reason, "a token was refused");
                Err(refusal("invalid", "the token is not valid"))
            }
        }
    }
}
