//! Limits of the contract that the shared scenarios cannot reach, in the host of unit tests.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use innkeeper_contract::defaults::{ATTACHMENTS_MAX, LOG_LINES_PER_CALL_MAX};
use innkeeper_contract::limits::{LOG_MESSAGE_BYTES_MAX, TIMER_DELAY_MAX, TOKEN_BYTES_MAX};
use innkeeper_plugin::testing::Host;
use innkeeper_plugin::{Binary, Plugin, Reply, Socket, Timer, jwt, log, timer};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_message_in_the_log_is_cut() {
    let host = Host::new(|| Plugin::new().on("log", |_: &Socket, bytes: usize| log::info("x".repeat(bytes))));
    let client = host.socket("/").connect().unwrap();
    client.emit("log", LOG_MESSAGE_BYTES_MAX);
    client.emit("log", LOG_MESSAGE_BYTES_MAX + 1);
    assert_eq!([0, 1].map(|line| host.log()[line].message.len()), [LOG_MESSAGE_BYTES_MAX; 2]);
}

#[test]
fn a_call_writes_so_many_lines_to_the_log() {
    let host = Host::new(|| Plugin::new().on("log", |_: &Socket, lines: usize| (0..lines).for_each(log::info)));
    let client = host.socket("/").connect().unwrap();
    client.emit("log", LOG_LINES_PER_CALL_MAX);
    assert_eq!(host.log().len(), LOG_LINES_PER_CALL_MAX);
    client.emit("log", LOG_LINES_PER_CALL_MAX + 1);
    assert_eq!(host.log().len(), 2 * LOG_LINES_PER_CALL_MAX);
}

#[test]
fn a_timer_waits_so_long_at_most() {
    let host = Host::new(|| {
        let set = || timer("t").after(Duration::MAX).set();
        Plugin::new().start(set).timer("t", |_: &Timer| log::info("due"))
    });
    host.advance(TIMER_DELAY_MAX - Duration::from_millis(1));
    assert!(host.log().is_empty());
    host.advance(Duration::from_millis(1));
    assert_eq!(host.log().len(), 1);
}

#[test]
fn a_token_has_so_many_bytes() {
    let host = Host::new(|| {
        Plugin::new().capability("jwt").on("verify", |_: &Socket, bytes: usize| {
            let refused = jwt::verify::<Value>("default", &"x".repeat(bytes)).err();
            Reply(refused.map(|error| error.code_str().to_owned()))
        })
    });
    for bytes in [TOKEN_BYTES_MAX, TOKEN_BYTES_MAX + 1] {
        host.token("default", &"x".repeat(bytes), json!({}));
    }
    let client = host.socket("/").connect().unwrap();
    let verify = |bytes: usize| client.emit_with_ack::<Option<String>>("verify", bytes);
    assert_eq!((verify(TOKEN_BYTES_MAX), verify(TOKEN_BYTES_MAX + 1)), (None, Some("invalid".to_owned())));
}

#[test]
fn a_client_that_sends_more_attachments_than_there_may_be_loses_its_connection() {
    let host = Host::new(|| Plugin::new().on("count", |_: &Socket, all: Vec<Binary>| Reply(all.len())));
    let client = host.socket("/").connect().unwrap();
    let attached = |count: usize| vec![Binary(vec![1]); count];
    assert_eq!(client.emit_with_ack::<usize>("count", attached(ATTACHMENTS_MAX)), ATTACHMENTS_MAX);
    client.emit("count", attached(ATTACHMENTS_MAX + 1));
    assert_eq!(client.disconnect_reason().as_deref(), Some("forced close"));
}
