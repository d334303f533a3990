//! The interface `cluster`, which this host does not have yet.

use super::generated::innkeeper::plugin::cluster::{Answers, Host};
use super::generated::innkeeper::plugin::types::{Failure, PayloadResult as Payload};
use crate::plugin::host::{InstanceState, unsupported};

const WHAT: &str = "other nodes";

impl Host for InstanceState {
    fn emit(&mut self, _namespace: String, _name: String, _payload: Payload) -> Result<(), Failure> {
        Err(self.refused(unsupported(WHAT)))
    }

    fn ask(&mut self, _namespace: String, _name: String, _payload: Payload, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Err(self.refused(unsupported(WHAT)))
    }

    fn responses(&mut self, _ticket: u64) -> Result<Answers, Failure> {
        Err(self.refused(unsupported(WHAT)))
    }
}
