//! The interface `jwt`.

use super::generated::innkeeper::plugin::jwt::Host;
use super::generated::innkeeper::plugin::types::Failure;
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn verify(&mut self, key: String, token: String) -> Result<String, Failure> {
        self.verify_token(&key, &token).map_err(|refusal| self.refused(refusal))
    }
}
