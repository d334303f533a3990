//! The one place that calls the host. A question is asked, waited for and taken here, so that above it reads like a call.
//!
//! Natively this file is not compiled: `testing/host.rs` stands in its place, with the same functions.

use crate::bindings::innkeeper::plugin::types::{Failure, Target};
use crate::bindings::innkeeper::plugin::{acks, calls, config, emit, jwt, log, rate_limit, rooms, sockets, store, timers};
use crate::bindings::wasi::{clocks::wall_clock, random::random};
use crate::error::{Error, Result};
use crate::payload::Payload;
use std::time::Duration;

pub(crate) use crate::bindings::innkeeper::plugin::emit::Answers;
pub(crate) use crate::bindings::innkeeper::plugin::sockets::{Handshake, RemoteSocket};
pub(crate) use crate::bindings::innkeeper::plugin::timers::Setting;

pub(crate) fn emit_to_socket(socket: &str, name: &str, payload: Payload, flags: &[String]) -> Result<()> {
    emit::to_socket(socket, name, &payload.into(), flags).map_err(Error::of_host)
}

pub(crate) fn emit_to_rooms(target: &Target, name: &str, payload: Payload) -> Result<()> {
    emit::to_rooms(target, name, &payload.into()).map_err(Error::of_host)
}

pub(crate) fn ask_socket(socket: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
    answer(emit::ask_socket(socket, name, &payload.into(), millis(timeout)), emit::responses)
}

pub(crate) fn ask_rooms(target: &Target, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
    answer(emit::ask_rooms(target, name, &payload.into(), millis(timeout)), emit::responses)
}

pub(crate) fn reply(socket: &str, ack: u64, payload: Payload) -> Result<()> {
    acks::reply(socket, ack, &payload.into()).map_err(Error::of_host)
}

pub(crate) fn join(socket: &str, names: &[String]) -> Result<()> {
    rooms::join(socket, names).map_err(Error::of_host)
}

pub(crate) fn leave(socket: &str, names: &[String]) -> Result<()> {
    rooms::leave(socket, names).map_err(Error::of_host)
}

pub(crate) fn rooms(socket: &str) -> Result<Vec<String>> {
    rooms::get(socket).map_err(Error::of_host)
}

pub(crate) fn join_all(target: &Target, names: &[String]) -> Result<()> {
    rooms::join_all(target, names).map_err(Error::of_host)
}

pub(crate) fn leave_all(target: &Target, names: &[String]) -> Result<()> {
    rooms::leave_all(target, names).map_err(Error::of_host)
}

pub(crate) fn handshake(socket: &str) -> Result<Handshake> {
    sockets::get_handshake(socket).map_err(Error::of_host)
}

pub(crate) fn data(socket: &str) -> Result<String> {
    sockets::get_data(socket).map_err(Error::of_host)
}

pub(crate) fn set_data(socket: &str, key: &str, value: &str) -> Result<()> {
    sockets::set_data(socket, key, value).map_err(Error::of_host)
}

pub(crate) fn remove_data(socket: &str, key: &str) -> Result<()> {
    sockets::remove_data(socket, key).map_err(Error::of_host)
}

pub(crate) fn transport(socket: &str) -> Result<String> {
    sockets::get_transport(socket).map_err(Error::of_host)
}

pub(crate) fn disconnect(socket: &str, close: bool) -> Result<()> {
    sockets::disconnect(socket, close).map_err(Error::of_host)
}

pub(crate) fn disconnect_all(target: &Target, close: bool) -> Result<()> {
    sockets::disconnect_all(target, close).map_err(Error::of_host)
}

pub(crate) fn fetch(target: &Target, timeout: Option<Duration>) -> Result<Vec<RemoteSocket>> {
    answer(sockets::fetch(target, millis(timeout)), sockets::fetched)
}

pub(crate) fn sleep(delay: Duration) -> Result<()> {
    answer(timers::ask_sleep(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)), |_| Ok(()))
}

pub(crate) fn set_timer(setting: &Setting) -> Result<()> {
    timers::set(setting).map_err(Error::of_host)
}

pub(crate) fn clear_timer(name: &str, socket: Option<&str>) -> Result<()> {
    timers::clear(name, socket).map_err(Error::of_host)
}

pub(crate) fn store_get(bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
    answer_at_hand(store::ask_get(bucket, key), store::value)
}

pub(crate) fn store_set(bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<bool> {
    let ttl = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    answer(store::ask_set(bucket, key, value, ttl), store::done)
}

pub(crate) fn store_delete(bucket: &str, key: &str) -> Result<bool> {
    answer(store::ask_delete(bucket, key), store::done)
}

pub(crate) fn store_increment(bucket: &str, key: &str, by: i64) -> Result<i64> {
    answer(store::ask_increment(bucket, key, by), store::number)
}

pub(crate) fn store_compare_and_swap(bucket: &str, key: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool> {
    answer(store::ask_compare_and_swap(bucket, key, expected, value), store::done)
}

pub(crate) fn store_scan(bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Vec<u8>)>> {
    let entries = answer(store::ask_scan(bucket, prefix, after, limit), store::entries)?;
    Ok(entries.into_iter().map(|entry| (entry.key, entry.value)).collect())
}

pub(crate) fn verify(key: &str, token: &str) -> Result<String> {
    jwt::verify(key, token).map_err(Error::of_host)
}

pub(crate) fn consume(key: &str, points: u32, limit: rate_limit::Limit) -> Result<rate_limit::Decision> {
    answer_at_hand(rate_limit::ask_consume(key, points, limit), rate_limit::consumed)
}

pub(crate) fn flush() {
    calls::flush();
}

pub(crate) fn log(level: &str, message: &str, fields: &[(String, String)]) {
    log::write(level, message, fields);
}

pub(crate) fn config() -> String {
    config::all()
}

pub(crate) fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds * 1000 + u64::from(now.nanoseconds / 1_000_000)
}

pub(crate) fn random_bytes(length: usize) -> Vec<u8> {
    random::get_random_bytes(length as u64)
}

/// Waits for the answer to a question, and takes it.
fn answer<T>(ticket: Result<u64, Failure>, take: impl FnOnce(u64) -> Result<T, Failure>) -> Result<T> {
    let ticket = ticket.map_err(Error::of_host)?;
    calls::wait(&[ticket]);
    take(ticket).map_err(Error::of_host)
}

/// The same for a question whose answer is mostly there at once: looks before it waits.
fn answer_at_hand<T>(ticket: Result<u64, Failure>, take: impl Fn(u64) -> Result<T, Failure>) -> Result<T> {
    let ticket = ticket.map_err(Error::of_host)?;
    match take(ticket) {
        Err(failure) if failure.code == "unanswered" => answer(Ok(ticket), take),
        taken => taken.map_err(Error::of_host),
    }
}

fn millis(timeout: Option<Duration>) -> Option<u32> {
    timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX))
}
