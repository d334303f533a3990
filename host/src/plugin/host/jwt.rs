//! `jwt`: tokens, verified with keys that the guest never sees.

use std::time::SystemTime;

use innkeeper_contract::{Refusal, codes};

use super::state::InstanceState;
use crate::auth::TokenError;
use crate::plugin::capability::Capability;

impl InstanceState {
    /// The claims of a token that the key of this name verifies, as JSON.
    pub(crate) fn verify_token(&mut self, key: &str, token: &str) -> Result<String, Refusal> {
        self.need(Capability::Jwt)?;
        if !self.context.capabilities.covers(Capability::Jwt, key) {
            let message = format!("the key {key:?} is not granted; the operator adds \"jwt:{key}\" to its grants");
            return Err(Refusal::new(codes::DENIED, message));
        }
        match self.context.plugin.services.keys.load().verify(key, token, SystemTime::now()) {
            Ok(claims) => Ok(claims),
            Err(reason) => {
                let socket = self.active.as_ref().and_then(|active| active.call.socket.as_ref());
                let (conn, sid) = socket.map(|socket| (socket.connection(), tracing::field::display(socket.id()))).unzip();
                tracing::debug!(plugin = &*self.context.label, conn, sid, key, %reason, "a token was refused");
                Err(refusal(&reason))
            }
        }
    }
}

/// The code is the reason for the plugin; the details are for the log, because the plugin may show the message to the bearer of
/// the token.
fn refusal(reason: &TokenError) -> Refusal {
    let code = match reason {
        TokenError::UnknownKey(_) => return Refusal::new(codes::UNKNOWN, reason.to_string()),
        TokenError::Expired { .. } => codes::EXPIRED,
        TokenError::NotBefore { .. } => codes::NOT_BEFORE,
        TokenError::Signature(_) => codes::SIGNATURE,
        TokenError::Claims(_) => codes::CLAIMS,
        TokenError::Key(_) => codes::KEY,
        TokenError::Invalid(_) => codes::INVALID,
    };
    Refusal::new(code, "the token is not valid")
}
