//! Interfaces of the contract whose host side is still to come. They answer with the code `unsupported`, in one place each, so
//! that a plugin built today runs unchanged when they are there. `docs/unsupported.md` lists them.

use std::time::Duration;

use super::CallState;
use super::ticket::Ticket;
use crate::plugin::bindings::v0_1::types::{Failure, PayloadResult as Payload};
use crate::plugin::bindings::v0_1::{cluster, http, store, timers, types};
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

impl store::Host for CallState {
    fn ask_get(&mut self, _bucket: String, _key: String) -> Result<u64, Failure> {
        unsupported("a store")
    }

    fn ask_set(&mut self, _bucket: String, _key: String, _value: Vec<u8>, _ttl_ms: Option<u64>) -> Result<u64, Failure> {
        unsupported("a store")
    }

    fn ask_delete(&mut self, _bucket: String, _key: String) -> Result<u64, Failure> {
        unsupported("a store")
    }

    fn ask_increment(&mut self, _bucket: String, _key: String, _by: i64) -> Result<u64, Failure> {
        unsupported("a store")
    }

    fn ask_compare_and_swap(
        &mut self,
        _bucket: String,
        _key: String,
        _expected: Option<Vec<u8>>,
        _value: Option<Vec<u8>>,
    ) -> Result<u64, Failure> {
        unsupported("a store")
    }

    fn ask_scan(&mut self, _bucket: String, _prefix: String, _after: Option<String>, _limit: u32) -> Result<u64, Failure> {
        unsupported("a store")
    }

    fn value(&mut self, _ticket: u64) -> Result<Option<Vec<u8>>, Failure> {
        unsupported("a store")
    }

    fn done(&mut self, _ticket: u64) -> Result<bool, Failure> {
        unsupported("a store")
    }

    fn number(&mut self, _ticket: u64) -> Result<i64, Failure> {
        unsupported("a store")
    }

    fn entries(&mut self, _ticket: u64) -> Result<Vec<store::Entry>, Failure> {
        unsupported("a store")
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
