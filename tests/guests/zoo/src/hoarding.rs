//! Attacks on memory and disk: what the host keeps for a plugin. Each ends when the host refuses, and tells how far it came.

use std::hint::black_box;
use std::time::Duration;

use innkeeper_plugin::bindings::innkeeper::plugin::types::{Payload, Target};
use innkeeper_plugin::bindings::innkeeper::plugin::{calls, emit, rate_limit, sockets, store, timers};
use innkeeper_plugin::{Error, Result, Socket, sleep};
use serde_json::{Value, json};

/// As much as a value of a store may have.
const VALUE_BYTES: usize = 1 << 20;

pub(crate) fn memory(_socket: &Socket) -> Result<Value> {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
    }
}

/// An ack as large as the memory allows.
pub(crate) fn big_ack(_socket: &Socket) -> Result<Value> {
    Ok(json!("x".repeat(20 << 20)))
}

pub(crate) fn big_failure(_socket: &Socket) -> Result<Value> {
    Err(Error::new("x".repeat(20 << 20)))
}

pub(crate) fn big_code(_socket: &Socket) -> Result<Value> {
    Err(Error::new("a long code").code("C".repeat(20 << 20)))
}

/// Data of the socket, as much as it may have: what the attacks on `fetch` multiply.
pub(crate) fn data_of_all(socket: &Socket) -> Result<Value> {
    let data = "d".repeat(60 << 10);
    for key in 0.. {
        if let Err(refused) = socket.set_data(&format!("key {key}"), &data) {
            return Ok(json!([key, refused.code_str()]));
        }
    }
    Ok(Value::Null)
}

fn everybody(socket: &Socket) -> Target {
    Target { namespace: socket.namespace().to_owned(), rooms: Vec::new(), except: Vec::new(), flags: Vec::new() }
}

/// Asks until it is refused, and takes no answer.
fn until_refused<T>(mut ask: impl FnMut(u64) -> std::result::Result<T, String>) -> Result<Value> {
    for count in 0..2_000_000 {
        if let Err(refused) = ask(count) {
            return Ok(json!([count, refused]));
        }
    }
    Ok(json!([2_000_000, "never refused"]))
}

pub(crate) fn fetch_tickets(socket: &Socket) -> Result<Value> {
    let (target, fields) = (everybody(socket), ["data".to_owned(), "handshake".to_owned(), "rooms".to_owned()]);
    until_refused(|_| {
        let ticket = sockets::fetch(&target, &fields, None).map_err(|failure| failure.code)?;
        calls::wait(&[ticket]);
        Ok(())
    })
}

pub(crate) fn scan_tickets(_socket: &Socket) -> Result<Value> {
    until_refused(|_| {
        let ticket = store::ask_scan("zoo", "", None, 1_000).map_err(|failure| failure.code)?;
        calls::wait(&[ticket]);
        Ok(())
    })
}

/// Questions that nobody answers; the call waits for them as long as it may.
pub(crate) fn silent_questions(socket: &Socket) -> Result<Value> {
    let payload = Payload { args: "[]".to_owned(), attachments: Vec::new() };
    let asked = until_refused(|count| {
        // Fewer than a call may have open, so that it may also sleep.
        if count == 900 {
            return Err("enough".to_owned());
        }
        emit::ask_socket(socket.id(), "silence", &payload, None).map_err(|failure| failure.code)
    });
    sleep(Duration::from_secs(3_600))?;
    asked
}

fn setting(name: &str, key: u64, socket: Option<&Socket>, delay_ms: u64, bytes: usize) -> timers::Setting {
    timers::Setting {
        name: name.to_owned(),
        key: Some(key.to_string()),
        socket: socket.map(|socket| socket.id().to_owned()),
        delay_ms,
        every_ms: None,
        data: json!("t".repeat(bytes)).to_string(),
        options: Vec::new(),
    }
}

/// Timers with as much data as each may have.
pub(crate) fn timers(_socket: &Socket) -> Result<Value> {
    until_refused(|key| timers::set(&setting("idle", key, None, 3_600_000, 60 << 10)).map_err(|failure| failure.code))
}

/// Timers of one socket that are all due in the same moment.
pub(crate) fn due_at_once(socket: &Socket) -> Result<Value> {
    until_refused(|key| {
        if key == 60_000 {
            return Err("enough".to_owned());
        }
        timers::set(&setting("idle", key, Some(socket), 200, 0)).map_err(|failure| failure.code)
    })
}

pub(crate) fn keys_of_limits(_socket: &Socket) -> Result<Value> {
    let limit = rate_limit::Limit { points: 1, window_ms: 3_600_000 };
    until_refused(|key| {
        let key = format!("{}{key}", "k".repeat(240));
        let ticket = rate_limit::ask_consume(&key, 1, limit).map_err(|failure| failure.code)?;
        rate_limit::consumed(ticket).map_err(|failure| failure.code)
    })
}

pub(crate) fn store_bytes(_socket: &Socket) -> Result<Value> {
    let value = vec![b'"'; VALUE_BYTES];
    until_refused(|key| {
        let ticket = store::ask_set("zoo", &key.to_string(), &value, None).map_err(|failure| failure.code)?;
        calls::wait(&[ticket]);
        store::done(ticket).map_err(|failure| failure.code)
    })
}

/// Begins writes and forgets them at once.
pub(crate) fn set_and_cancel(_socket: &Socket) -> Result<Value> {
    let value = vec![b'"'; VALUE_BYTES];
    until_refused(|key| {
        if key == 10_000 {
            return Err("enough".to_owned());
        }
        let ticket = store::ask_set("zoo", &(key % 100).to_string(), &value, None).map_err(|failure| failure.code)?;
        calls::cancel(ticket);
        Ok(())
    })
}
