//! The imports of a component. A question is asked here, waited for, and its answer taken: elsewhere it is an ordinary call.

use super::types::{Answers, Handshake, Page, ServersAnswers, Setting};
use crate::bindings::innkeeper::plugin::types::{Failure, Target};
use crate::bindings::innkeeper::plugin::{
    acks, calls, cluster, config, emit, jwt, log, rate_limit, rooms, sockets, store, timers,
};
use crate::bindings::wasi::{clocks::wall_clock, random::random};
use crate::error::{Error, Result};
use crate::payload::Payload;
use innkeeper_contract::limits::PAGE_ENTRIES_MAX;
use innkeeper_contract::{codes, flags};
use std::cell::Cell;
use std::time::Duration;

/// The imports of a component.
pub(crate) struct WitHost;

/// The host that runs this component.
pub(crate) fn host() -> WitHost {
    WitHost
}

impl WitHost {
    pub(crate) fn emit_to_socket(&self, socket: &str, name: &str, payload: Payload, flags: &[String]) -> Result<()> {
        emit::to_socket(socket, name, &payload.into(), flags).map_err(Error::of_host)
    }

    pub(crate) fn emit_to_rooms(&self, target: &Target, name: &str, payload: Payload) -> Result<()> {
        emit::to_rooms(target, name, &payload.into()).map_err(Error::of_host)
    }

    pub(crate) fn ask_socket(&self, socket: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
        answer(emit::ask_socket(socket, name, &payload.into(), millis(timeout)), emit::responses)
    }

    pub(crate) fn ask_rooms(&self, target: &Target, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
        answer(emit::ask_rooms(target, name, &payload.into(), millis(timeout)), emit::responses)
    }

    pub(crate) fn reply(&self, socket: &str, ack: u64, payload: Payload) -> Result<()> {
        acks::reply(socket, ack, &payload.into()).map_err(Error::of_host)
    }

    pub(crate) fn join(&self, socket: &str, names: &[String]) -> Result<()> {
        rooms::join(socket, names).map_err(Error::of_host)
    }

    pub(crate) fn leave(&self, socket: &str, names: &[String]) -> Result<()> {
        rooms::leave(socket, names).map_err(Error::of_host)
    }

    pub(crate) fn rooms(&self, socket: &str) -> Result<Vec<String>> {
        rooms::get(socket).map_err(Error::of_host)
    }

    pub(crate) fn join_all(&self, target: &Target, names: &[String]) -> Result<()> {
        rooms::join_all(target, names).map_err(Error::of_host)
    }

    pub(crate) fn leave_all(&self, target: &Target, names: &[String]) -> Result<()> {
        rooms::leave_all(target, names).map_err(Error::of_host)
    }

    pub(crate) fn handshake(&self, socket: &str, fields: &[&str]) -> Result<Handshake> {
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        sockets::get_handshake(socket, &fields).map_err(Error::of_host)
    }

    pub(crate) fn data(&self, socket: &str) -> Result<String> {
        sockets::get_data(socket).map_err(Error::of_host)
    }

    pub(crate) fn data_value(&self, socket: &str, key: &str) -> Result<Option<String>> {
        sockets::get_data_value(socket, key).map_err(Error::of_host)
    }

    pub(crate) fn set_data(&self, socket: &str, key: &str, value: &str) -> Result<()> {
        sockets::set_data(socket, key, value).map_err(Error::of_host)
    }

    pub(crate) fn remove_data(&self, socket: &str, key: &str) -> Result<()> {
        sockets::remove_data(socket, key).map_err(Error::of_host)
    }

    pub(crate) fn transport(&self, socket: &str) -> Result<String> {
        sockets::get_transport(socket).map_err(Error::of_host)
    }

    pub(crate) fn disconnect(&self, socket: &str, close: bool) -> Result<()> {
        sockets::disconnect(socket, close).map_err(Error::of_host)
    }

    pub(crate) fn disconnect_all(&self, target: &Target, close: bool) -> Result<()> {
        sockets::disconnect_all(target, close).map_err(Error::of_host)
    }

    pub(crate) fn fetch(&self, target: &Target, fields: &[String], timeout: Option<Duration>) -> Result<Page> {
        let ticket = sockets::fetch(target, fields, millis(timeout)).map_err(Error::of_host)?;
        calls::wait(&[ticket]);
        let mut all = sockets::fetched(ticket, PAGE_ENTRIES_MAX).map_err(Error::of_host)?;
        while all.more {
            let page = sockets::fetched(ticket, PAGE_ENTRIES_MAX).map_err(Error::of_host)?;
            all.sockets.extend(page.sockets);
            all.more = page.more;
        }
        Ok(all)
    }

    pub(crate) fn ids(&self, target: &Target, timeout: Option<Duration>) -> Result<(Vec<String>, u32)> {
        if is_local(target) {
            return Ok((pages(|after| sockets::ids(target, after, PAGE_ENTRIES_MAX))?, 0));
        }
        let ticket = sockets::ask_ids(target, millis(timeout)).map_err(Error::of_host)?;
        calls::wait(&[ticket]);
        let mut all = sockets::found(ticket, PAGE_ENTRIES_MAX).map_err(Error::of_host)?;
        while all.more {
            let page = sockets::found(ticket, PAGE_ENTRIES_MAX).map_err(Error::of_host)?;
            all.ids.extend(page.ids);
            all.more = page.more;
        }
        Ok((all.ids, all.nodes_missing))
    }

    pub(crate) fn count(&self, target: &Target, timeout: Option<Duration>) -> Result<(u32, u32)> {
        if is_local(target) {
            return Ok((rooms::count(target).map_err(Error::of_host)?, 0));
        }
        answer(rooms::ask_count(target, millis(timeout)), rooms::counted).map(|answer| (answer.count, answer.nodes_missing))
    }

    pub(crate) fn room_names(&self, target: &Target, prefix: &str, timeout: Option<Duration>) -> Result<(Vec<String>, u32)> {
        let namespace = &target.namespace;
        if is_local(target) {
            return Ok((pages(|after| rooms::names(namespace, prefix, after, PAGE_ENTRIES_MAX))?, 0));
        }
        let missing = Cell::new(0);
        let names = pages(|after| {
            let ticket = rooms::ask_names(namespace, prefix, after, PAGE_ENTRIES_MAX, millis(timeout))?;
            calls::wait(&[ticket]);
            let answer = rooms::named(ticket)?;
            missing.set(answer.nodes_missing.max(missing.get()));
            Ok(answer.names)
        })?;
        Ok((names, missing.get()))
    }

    pub(crate) fn server_emit(&self, namespace: &str, name: &str, payload: Payload) -> Result<()> {
        cluster::emit(namespace, name, &payload.into()).map_err(Error::of_host)
    }

    pub(crate) fn server_ask(
        &self,
        namespace: &str,
        name: &str,
        payload: Payload,
        timeout: Option<Duration>,
    ) -> Result<ServersAnswers> {
        answer(cluster::ask(namespace, name, &payload.into(), millis(timeout)), cluster::responses)
    }

    pub(crate) fn node(&self) -> String {
        cluster::node()
    }

    pub(crate) fn sleep(&self, delay: Duration) -> Result<()> {
        answer(timers::ask_sleep(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)), |_| Ok(()))
    }

    pub(crate) fn set_timer(&self, setting: &Setting) -> Result<()> {
        timers::set(setting).map_err(Error::of_host)
    }

    pub(crate) fn clear_timer(&self, name: &str, key: Option<&str>, socket: Option<&str>) -> Result<()> {
        timers::clear(name, key, socket).map_err(Error::of_host)
    }

    pub(crate) fn store_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
        answer_at_hand(store::ask_get(bucket, key), store::value)
    }

    pub(crate) fn store_set(&self, bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<bool> {
        let ttl = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        answer(store::ask_set(bucket, key, value, ttl), store::done)
    }

    pub(crate) fn store_delete(&self, bucket: &str, key: &str) -> Result<bool> {
        answer(store::ask_delete(bucket, key), store::done)
    }

    pub(crate) fn store_increment(&self, bucket: &str, key: &str, by: i64) -> Result<i64> {
        answer(store::ask_increment(bucket, key, by), store::number)
    }

    pub(crate) fn store_compare_and_swap(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool> {
        answer(store::ask_compare_and_swap(bucket, key, expected, value), store::done)
    }

    pub(crate) fn store_scan(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        let entries = answer(store::ask_scan(bucket, prefix, after, limit), store::entries)?;
        Ok(entries.into_iter().map(|entry| (entry.key, entry.value)).collect())
    }

    pub(crate) fn verify(&self, key: &str, token: &str) -> Result<String> {
        jwt::verify(key, token).map_err(Error::of_host)
    }

    pub(crate) fn consume(&self, key: &str, points: u32, limit: rate_limit::Limit) -> Result<rate_limit::Decision> {
        answer_at_hand(rate_limit::ask_consume(key, points, limit), rate_limit::consumed)
    }

    pub(crate) fn flush(&self) {
        calls::flush();
    }

    pub(crate) fn log(&self, level: &str, message: &str, fields: &[(String, String)]) {
        log::write(level, message, fields);
    }

    pub(crate) fn config(&self) -> String {
        config::all()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        let now = wall_clock::now();
        now.seconds * 1000 + u64::from(now.nanoseconds / 1_000_000)
    }

    pub(crate) fn random_bytes(&self, length: usize) -> Vec<u8> {
        random::get_random_bytes(length as u64)
    }
}

/// Waits for the answer to a question, and takes it.
fn answer<T>(ticket: Result<u64, Failure>, take: impl FnOnce(u64) -> Result<T, Failure>) -> Result<T> {
    let ticket = ticket.map_err(Error::of_host)?;
    calls::wait(&[ticket]);
    take(ticket).map_err(Error::of_host)
}

/// The same for a question whose answer is mostly there at once: it is taken without waiting, if it can be.
fn answer_at_hand<T>(ticket: Result<u64, Failure>, take: impl Fn(u64) -> Result<T, Failure>) -> Result<T> {
    let ticket = ticket.map_err(Error::of_host)?;
    match take(ticket) {
        Err(failure) if failure.code == codes::UNANSWERED => answer(Ok(ticket), take),
        taken => taken.map_err(Error::of_host),
    }
}

fn is_local(target: &Target) -> bool {
    target.flags.iter().any(|flag| flag == flags::LOCAL)
}

/// All names of a list that the host returns in pages, each after the last name of the one before.
fn pages(page: impl Fn(Option<&str>) -> Result<Vec<String>, Failure>) -> Result<Vec<String>> {
    let mut all = page(None).map_err(Error::of_host)?;
    let mut last_page = all.len();
    while last_page >= PAGE_ENTRIES_MAX as usize {
        let next = page(all.last().map(String::as_str)).map_err(Error::of_host)?;
        last_page = next.len();
        all.extend(next);
    }
    Ok(all)
}

fn millis(timeout: Option<Duration>) -> Option<u32> {
    timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX))
}
