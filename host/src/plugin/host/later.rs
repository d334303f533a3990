//! Interfaces of the contract whose host side is still to come. They answer with the code `unsupported`, in one place each, so
//! that a plugin built today runs unchanged when they are there. `docs/unsupported.md` lists them.

use std::time::Duration;

use super::CallState;
use super::ticket::Ticket;
use crate::plugin::bindings::v0_1::types::{Failure, PayloadResult as Payload};
use crate::plugin::bindings::v0_1::{cluster, http, jwt, rate_limit, timers, types};
use crate::plugin::text::refusal;

fn unsupported<T>(what: &str) -> Result<T, Failure> {
    Err(refusal("unsupported", format!("this host does not have {what} yet")))
}

impl types::Host for CallState {}

impl timers::Host for CallState {
    fn set(&mut self, _setting: timers::Setting) -> Result<(), Failure> {
        unsupported("timers")
    }

    fn clear(&mut self, _name: String, _socket: Option<String>) -> Result<(), Failure> {
        unsupported("timers")
    }

    /// Sleeping is a question like any other, and is there.
    fn ask_sleep(&mut self, delay_ms: u64) -> Result<u64, Failure> {
        let active = self.active()?;
        active.tickets.check_room()?;
        active.flush();
        Ok(active.tickets.add(Ticket::sleep(Duration::from_millis(delay_ms))))
    }
}

impl jwt::Host for CallState {
    fn verify(&mut self, _key: String, _token: String) -> Result<String, Failure> {
        unsupported("verification of tokens")
    }
}

impl rate_limit::Host for CallState {
    fn ask_consume(&mut self, _key: String, _points: u32, _limit: rate_limit::Limit) -> Result<u64, Failure> {
        unsupported("limits of rate")
    }

    fn consumed(&mut self, _ticket: u64) -> Result<rate_limit::Decision, Failure> {
        unsupported("limits of rate")
    }
}

impl http::Host for CallState {
    fn ask_request(&mut self, _request: http::Request, _timeout_ms: Option<u32>) -> Result<u64, Failure> {
        unsupported("outgoing HTTP")
    }

    fn answer(&mut self, _ticket: u64) -> Result<http::Response, Failure> {
        unsupported("outgoing HTTP")
    }
}

impl cluster::Host for CallState {
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
