//! Interfaces of the contract whose host side is still to come. They answer with the code `unsupported`, in one place each, so
//! that a plugin built today runs unchanged when they are there. `docs/unsupported.md` lists them.

use super::InstanceState;
use crate::plugin::bindings::v0_1::types::{Failure, PayloadResult as Payload};
use crate::plugin::bindings::v0_1::{cluster, http, types};
use crate::plugin::validate::refusal;

fn unsupported<T>(what: &str) -> Result<T, Failure> {
    Err(refusal("unsupported", format!("this host does not have {what} yet")))
}

impl types::Host for InstanceState {}

impl http::Host for InstanceState {
    fn ask_request(&mut self, _request: http::Request, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        unsupported("outgoing HTTP")
    }

    fn answer(&mut self, _ticket: u64) -> Result<http::Response, Failure> {
        unsupported("outgoing HTTP")
    }
}

impl cluster::Host for InstanceState {
    fn emit(&mut self, _namespace: String, _name: String, _payload: Payload) -> Result<(), Failure> {
        unsupported("other nodes")
    }

    fn ask(&mut self, _namespace: String, _name: String, _payload: Payload, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        unsupported("other nodes")
    }

    fn responses(&mut self, _ticket: u64) -> Result<cluster::Answers, Failure> {
        unsupported("other nodes")
    }
}
