//! The imports of the contract in the crate's own types: what the host of a unit test implements.

use super::types::{Answers, Handshake, Page, ServersAnswers, Setting};
use crate::bindings::innkeeper::plugin::rate_limit::{Decision, Limit};
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::Result;
use crate::payload::Payload;
use std::time::Duration;

/// The host of a unit test. A component has `WitHost` with the same methods instead: through a trait object it would
/// import the whole contract, and so run on no host that lacks a part of it.
///
/// What is asked of all nodes is answered with how many of them did not answer.
pub(crate) trait Host {
    fn emit_to_socket(&self, socket: &str, name: &str, payload: Payload, flags: &[String]) -> Result<()>;
    fn emit_to_rooms(&self, target: &Target, name: &str, payload: Payload) -> Result<()>;
    fn ask_socket(&self, socket: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers>;
    fn ask_rooms(&self, target: &Target, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers>;
    fn reply(&self, socket: &str, ack: u64, payload: Payload) -> Result<()>;
    fn join(&self, socket: &str, names: &[String]) -> Result<()>;
    fn leave(&self, socket: &str, names: &[String]) -> Result<()>;
    fn rooms(&self, socket: &str) -> Result<Vec<String>>;
    fn join_all(&self, target: &Target, names: &[String]) -> Result<()>;
    fn leave_all(&self, target: &Target, names: &[String]) -> Result<()>;
    fn handshake(&self, socket: &str, fields: &[&str]) -> Result<Handshake>;
    fn data(&self, socket: &str) -> Result<String>;
    fn data_value(&self, socket: &str, key: &str) -> Result<Option<String>>;
    fn set_data(&self, socket: &str, key: &str, value: &str) -> Result<()>;
    fn remove_data(&self, socket: &str, key: &str) -> Result<()>;
    fn transport(&self, socket: &str) -> Result<String>;
    fn disconnect(&self, socket: &str, close: bool) -> Result<()>;
    fn disconnect_all(&self, target: &Target, close: bool) -> Result<()>;
    fn fetch(&self, target: &Target, fields: &[String], timeout: Option<Duration>) -> Result<Page>;
    fn ids(&self, target: &Target, timeout: Option<Duration>) -> Result<(Vec<String>, u32)>;
    fn count(&self, target: &Target, timeout: Option<Duration>) -> Result<(u32, u32)>;
    fn room_names(&self, target: &Target, prefix: &str, timeout: Option<Duration>) -> Result<(Vec<String>, u32)>;
    fn server_emit(&self, namespace: &str, name: &str, payload: Payload) -> Result<()>;
    fn server_ask(&self, namespace: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<ServersAnswers>;
    fn node(&self) -> String;
    fn sleep(&self, delay: Duration) -> Result<()>;
    fn set_timer(&self, setting: &Setting) -> Result<()>;
    fn clear_timer(&self, name: &str, key: Option<&str>, socket: Option<&str>) -> Result<()>;
    fn store_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>>;
    fn store_set(&self, bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<bool>;
    fn store_delete(&self, bucket: &str, key: &str) -> Result<bool>;
    fn store_increment(&self, bucket: &str, key: &str, by: i64) -> Result<i64>;
    fn store_compare_and_swap(&self, bucket: &str, key: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool>;
    fn store_scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Vec<u8>)>>;
    fn verify(&self, key: &str, token: &str) -> Result<String>;
    fn consume(&self, key: &str, points: u32, limit: Limit) -> Result<Decision>;
    fn flush(&self);
    fn log(&self, level: &str, message: &str, fields: &[(String, String)]);
    fn config(&self) -> String;
    fn now_ms(&self) -> u64;
    fn random_bytes(&self, length: usize) -> Vec<u8>;
}
