//! The interface `http`, which this host does not have yet.

use super::generated::innkeeper::plugin::http::{Host, Request, Response};
use super::generated::innkeeper::plugin::types::Failure;
use crate::plugin::host::{InstanceState, unsupported};

const WHAT: &str = "outgoing HTTP";

impl Host for InstanceState {
    fn ask_request(&mut self, _request: Request, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        Err(self.refused(unsupported(WHAT)))
    }

    fn answer(&mut self, _ticket: u64) -> Result<Response, Failure> {
        Err(self.refused(unsupported(WHAT)))
    }
}
