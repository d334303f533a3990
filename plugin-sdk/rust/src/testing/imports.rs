//! What `host.rs` does in a component, done here by a host in memory. The same functions, so that all above them is what runs in a
//! component too.

use super::Line;
use super::call::{self, Recording};
use super::host_state::{HostState, SocketIndex, SocketState};
use super::limits;
use super::scheduler::WaitFor;
use super::timers;
use super::write::Write;
use crate::bindings::innkeeper::plugin::emit::Response;
use crate::bindings::innkeeper::plugin::rate_limit::{Decision, Limit};
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::{Error, Result};
use crate::payload::Payload;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use crate::bindings::innkeeper::plugin::emit::Answers;
pub(crate) use crate::bindings::innkeeper::plugin::sockets::{Handshake, RemoteSocket};
pub(crate) use crate::bindings::innkeeper::plugin::timers::Setting;

/// Headers that prove who somebody is.
const SECRET_HEADERS: [&str; 2] = ["cookie", "authorization"];
const MESSAGE_BYTES_MAX: usize = 4_096;

pub(crate) fn emit_to_socket(socket: &str, name: &str, payload: Payload, _flags: &[String]) -> Result<()> {
    limits::event(name, &payload)?;
    write_to(socket, |socket| Write::Emit { socket, name: name.to_owned(), payload })
}

pub(crate) fn emit_to_rooms(target: &Target, name: &str, payload: Payload) -> Result<()> {
    limits::event(name, &payload)?;
    write_to_all(target, |target| Write::Broadcast { target, name: name.to_owned(), payload })
}

pub(crate) fn ask_socket(socket: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
    let asked = call::with(|call, state| {
        let socket = call.socket(state, socket)?;
        limits::event(name, &payload)?;
        call.flush(state);
        if state.sockets[socket].life == SocketState::Pending {
            let message = "the socket's connect middleware has not ended: its client cannot be asked yet";
            return Err(Error::host("pending", message));
        }
        Ok(state.ask(vec![socket], name, &payload))
    });
    let answers = answers(asked?, timeout)?;
    match (answers.responses.is_empty(), answers.timed_out.is_empty()) {
        (false, _) => Ok(answers),
        (true, false) => Err(Error::host("timeout", "operation has timed out")),
        (true, true) => Err(Error::host("disconnected", "socket has been disconnected")),
    }
}

pub(crate) fn ask_rooms(target: &Target, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
    let asked = call::with(|call, state| {
        call.check_target(state, target)?;
        limits::event(name, &payload)?;
        call.flush(state);
        let sockets = state.select(target);
        Ok(state.ask(sockets, name, &payload))
    });
    answers(asked?, timeout)
}

/// Waits for the answers, and closes the question: whoever is silent until then has timed out.
fn answers(question: usize, timeout: Option<Duration>) -> Result<Answers> {
    let until = call::with(|call, state| Ok(timeout.map_or(call.ends_at, |timeout| call.ends_at.min(state.now + timeout))))?;
    call::wait(WaitFor::Clients(question), until)?;
    call::with(|_, state| {
        let question = std::mem::take(&mut state.questions[question]);
        let ids = |sockets: Vec<SocketIndex>| sockets.into_iter().map(|socket| state.sockets[socket].id.clone()).collect();
        let response = |(socket, payload): (SocketIndex, Payload)| Response {
            socket: state.sockets[socket].id.clone(),
            payload: payload.into(),
        };
        Ok(Answers {
            responses: question.responses.into_iter().map(response).collect(),
            missing: ids(question.missing),
            timed_out: ids(question.open),
        })
    })
}

pub(crate) fn reply(socket: &str, ack: u64, payload: Payload) -> Result<()> {
    limits::payload(&payload)?;
    write_to(socket, |socket| Write::Ack { socket, ack, payload })
}

pub(crate) fn join(socket: &str, names: &[String]) -> Result<()> {
    limits::rooms(names)?;
    call::with(|call, state| {
        let Some(socket) = call.find(state, socket)? else { return Ok(()) };
        let present = state.rooms_seen(socket, call.connecting, &call.recorded).len();
        if present + names.len() > limits::ROOMS_MAX {
            let message = format!("a socket is in at most {} rooms (rooms_per_socket_max)", limits::ROOMS_MAX);
            return Err(Error::host("limit", message));
        }
        call.record(Write::Join { socket, rooms: names.to_vec() })
    })
}

pub(crate) fn leave(socket: &str, names: &[String]) -> Result<()> {
    limits::rooms(names)?;
    write_to(socket, |socket| Write::Leave { socket, rooms: names.to_vec() })
}

pub(crate) fn rooms(socket: &str) -> Result<Vec<String>> {
    call::with(|call, state| {
        let socket = call.socket(state, socket)?;
        Ok(state.rooms_seen(socket, call.connecting, &call.recorded))
    })
}

pub(crate) fn join_all(target: &Target, names: &[String]) -> Result<()> {
    limits::rooms(names)?;
    write_to_all(target, |target| Write::JoinAll { target, rooms: names.to_vec() })
}

pub(crate) fn leave_all(target: &Target, names: &[String]) -> Result<()> {
    limits::rooms(names)?;
    write_to_all(target, |target| Write::LeaveAll { target, rooms: names.to_vec() })
}

pub(crate) fn handshake(socket: &str) -> Result<Handshake> {
    call::with(|call, state| {
        let socket = call.socket(state, socket)?;
        Ok(shown(call, state, socket))
    })
}

/// A handshake, without what the plugin may not see.
fn shown(call: &Recording, state: &HostState, socket: SocketIndex) -> Handshake {
    let mut handshake = state.sockets[socket].handshake.clone();
    if !call.plugin.can("handshake:secrets") {
        handshake.auth = None;
        handshake.headers.retain(|(name, _)| !SECRET_HEADERS.contains(&name.as_str()));
    }
    handshake
}

pub(crate) fn data(socket: &str) -> Result<String> {
    call::with(|call, state| {
        let socket = call.socket(state, socket)?;
        Ok(object(&state.data_seen(socket, call.connecting, &call.recorded)))
    })
}

pub(crate) fn set_data(socket: &str, key: &str, value: &str) -> Result<()> {
    call::with(|call, state| {
        let Some(socket) = call.find(state, socket)? else { return Ok(()) };
        let data = state.data_seen(socket, call.connecting, &call.recorded);
        let others: usize = data.iter().filter(|(other, _)| *other != key).map(|(key, value)| key.len() + value.len()).sum();
        if others + key.len() + value.len() > limits::DATA_BYTES_MAX {
            let message = format!("the data of a socket has at most {} bytes (data_bytes_max)", limits::DATA_BYTES_MAX);
            return Err(Error::host("limit", message));
        }
        call.record(Write::Data { socket, key: key.to_owned(), value: Some(value.to_owned()) })
    })
}

pub(crate) fn remove_data(socket: &str, key: &str) -> Result<()> {
    write_to(socket, |socket| Write::Data { socket, key: key.to_owned(), value: None })
}

pub(crate) fn transport(socket: &str) -> Result<String> {
    call::with(|call, state| call.socket(state, socket).map(|_| "websocket".to_owned()))
}

pub(crate) fn disconnect(socket: &str, close: bool) -> Result<()> {
    write_to(socket, |socket| Write::Disconnect { socket, close })
}

pub(crate) fn disconnect_all(target: &Target, close: bool) -> Result<()> {
    write_to_all(target, |target| Write::DisconnectAll { target, close })
}

pub(crate) fn fetch(target: &Target, _timeout: Option<Duration>) -> Result<Vec<RemoteSocket>> {
    call::with(|call, state| {
        call.check_target(state, target)?;
        call.flush(state);
        let remote = |socket: SocketIndex| RemoteSocket {
            id: state.sockets[socket].id.clone(),
            handshake: shown(call, state, socket),
            rooms: state.sockets[socket].rooms.clone(),
            data: object(&state.sockets[socket].data),
        };
        Ok(state.select(target).into_iter().map(remote).collect())
    })
}

pub(crate) fn sleep(delay: Duration) -> Result<()> {
    let until = call::with(|call, state| {
        call.flush(state);
        Ok(state.now.saturating_add(delay))
    })?;
    call::wait(WaitFor::Time, until)
}

pub(crate) fn set_timer(setting: &Setting) -> Result<()> {
    call::with(|call, state| {
        if !call.plugin.has_timer {
            return Err(Error::host("invalid", "a plugin that sets timers registers the hook `timer`"));
        }
        if setting.name.len() > limits::TIMER_NAME_BYTES_MAX || setting.data.len() > limits::TIMER_DATA_BYTES_MAX {
            let (name, data) = (limits::TIMER_NAME_BYTES_MAX, limits::TIMER_DATA_BYTES_MAX);
            return Err(Error::host("limit", format!("a timer's name has at most {name} bytes, its data {data}")));
        }
        let Some(socket) = timer_of(call, state, setting.socket.as_deref())? else { return Ok(()) };
        let setting = timers::Setting {
            name: setting.name.clone(),
            socket,
            delay: Duration::from_millis(setting.delay_ms),
            every: setting.every_ms.map(Duration::from_millis),
            data: setting.data.clone(),
        };
        call.record(Write::SetTimer { plugin: call.plugin.index, setting })
    })
}

pub(crate) fn clear_timer(name: &str, socket: Option<&str>) -> Result<()> {
    call::with(|call, state| {
        let Some(socket) = timer_of(call, state, socket)? else { return Ok(()) };
        call.record(Write::ClearTimer { plugin: call.plugin.index, name: name.to_owned(), socket })
    })
}

/// The socket of a timer, if it has one; None if that is gone.
fn timer_of(call: &Recording, state: &HostState, socket: Option<&str>) -> Result<Option<Option<SocketIndex>>> {
    match socket {
        None => Ok(Some(None)),
        Some(id) => Ok(call.find(state, id)?.map(Some)),
    }
}

pub(crate) fn store_get(bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
    store(|state| state.store.get(bucket, key, state.now))
}

pub(crate) fn store_set(bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<bool> {
    store(|state| state.store.set(bucket, key, value, ttl.map(|ttl| state.now.saturating_add(ttl))))
}

pub(crate) fn store_delete(bucket: &str, key: &str) -> Result<bool> {
    store(|state| state.store.delete(bucket, key, state.now))
}

pub(crate) fn store_increment(bucket: &str, key: &str, by: i64) -> Result<i64> {
    store(|state| state.store.increment(bucket, key, by, state.now))
}

pub(crate) fn store_compare_and_swap(bucket: &str, key: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool> {
    store(|state| state.store.compare_and_swap(bucket, key, expected, value, state.now))
}

pub(crate) fn store_scan(bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Vec<u8>)>> {
    store(|state| state.store.scan(bucket, prefix, after, limit, state.now))
}

/// A question to the store: done at once, and what was recorded before is sent first.
fn store<T>(ask: impl FnOnce(&mut HostState) -> Result<T>) -> Result<T> {
    call::with(|call, state| {
        call.plugin.needs("store", "the store")?;
        call.flush(state);
        ask(state)
    })
}

/// A token is valid if the test said so, and as long as its claims say.
pub(crate) fn verify(key: &str, token: &str) -> Result<String> {
    call::with(|call, state| {
        call.plugin.needs("jwt", "verifying tokens")?;
        state.claims(key, token).ok_or_else(|| Error::host("invalid", "the token is not valid"))
    })
}

pub(crate) fn consume(key: &str, points: u32, limit: Limit) -> Result<Decision> {
    call::with(|call, state| {
        call.plugin.needs("rate-limit", "limiting rates")?;
        limits::check_key(key, limit.window_ms)?;
        call.flush(state);
        let (now, window) = (state.now, Duration::from_millis(limit.window_ms));
        let (consumed, closes) = state.windows[call.plugin.index].consume(key, points, window, now);
        Ok(Decision {
            allowed: consumed <= limit.points,
            remaining_points: limit.points.saturating_sub(consumed),
            consumed_points: consumed,
            // Rounded up: who comes back then finds the window closed.
            before_next_ms: u64::try_from((closes - now).as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
        })
    })
}

pub(crate) fn flush() {
    // Without a call there is nothing to send.
    let _ = call::with(|call, state| {
        call.flush(state);
        Ok(())
    });
}

pub(crate) fn log(level: &str, message: &str, fields: &[(String, String)]) {
    let message = message.get(..message.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default();
    call::log(|plugin| Line {
        level: level.to_owned(),
        plugin: plugin.name.clone(),
        message: message.to_owned(),
        fields: fields.to_vec(),
    });
}

pub(crate) fn config() -> String {
    call::with_state(|plugin, _| plugin.config.clone())
}

pub(crate) fn now_ms() -> u64 {
    call::with_state(|_, state| state.now_ms())
}

pub(crate) fn random_bytes(length: usize) -> Vec<u8> {
    call::with_state(|_, state| state.random.bytes(length))
}

/// A write about one socket, which does nothing if that is gone.
fn write_to(socket: &str, write: impl FnOnce(SocketIndex) -> Write) -> Result<()> {
    call::with(|call, state| match call.find(state, socket)? {
        Some(socket) => call.record(write(socket)),
        None => Ok(()),
    })
}

fn write_to_all(target: &Target, write: impl FnOnce(Target) -> Write) -> Result<()> {
    call::with(|call, state| {
        call.check_target(state, target)?;
        call.record(write(target.clone()))
    })
}

/// `socket.data` as the JSON object that it is.
fn object(data: &BTreeMap<String, String>) -> String {
    let members: Vec<String> = data.iter().map(|(key, value)| format!("{}:{value}", serde_json::Value::from(&**key))).collect();
    format!("{{{}}}", members.join(","))
}
