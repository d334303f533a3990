//! The imports of the contract, as a host in memory serves them. Everything above them in this crate is what runs in a component too.

use super::call_host::CallHost;
use super::checks;
use super::host_state::HostState;
use super::ids::SocketIndex;
use super::job::WaitFor;
use super::line::Line;
use super::recording::Recording;
use super::server_socket::SocketState;
use super::timers::NewTimer;
use super::write::Write;
use crate::bindings::innkeeper::plugin::emit::Response;
use crate::bindings::innkeeper::plugin::rate_limit::{Decision, Limit};
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::{Error, Result};
use crate::host::{Answers, Handshake, Host, RemoteSocket, Setting};
use crate::payload::Payload;
use innkeeper_contract::capabilities::{self, SECRET_HEADERS};
use innkeeper_contract::codes;
use innkeeper_contract::defaults::{DATA_BYTES_MAX, ROOMS_PER_SOCKET_MAX};
use innkeeper_contract::limits::{
    LOG_MESSAGE_BYTES_MAX, RATE_LIMIT_WINDOW_MAX, TIMER_DATA_BYTES_MAX, TIMER_DELAY_MAX, TIMER_NAME_BYTES_MAX,
};
use innkeeper_contract::refusals;
use std::collections::BTreeMap;
use std::time::Duration;

impl Host for CallHost {
    fn emit_to_socket(&self, socket: &str, name: &str, payload: Payload, _flags: &[String]) -> Result<()> {
        checks::event(name, &payload)?;
        self.write_to(socket, |socket| Write::Emit { socket, name: name.to_owned(), payload })
    }

    fn emit_to_rooms(&self, target: &Target, name: &str, payload: Payload) -> Result<()> {
        checks::event(name, &payload)?;
        self.write_to_all(target, |target| Write::Broadcast { target, name: name.to_owned(), payload })
    }

    fn ask_socket(&self, socket: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
        let asked = self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            checks::event(name, &payload)?;
            call.flush(state);
            if state.sockets[socket].state == SocketState::Pending {
                return Err(Error::refused(refusals::pending()));
            }
            Ok(state.ask(vec![socket], name, &payload))
        });
        let answers = self.answers(asked?, timeout)?;
        match (answers.responses.is_empty(), answers.timed_out.is_empty()) {
            (false, _) => Ok(answers),
            (true, false) => Err(Error::refused(refusals::timed_out())),
            (true, true) => Err(Error::refused(refusals::disconnected())),
        }
    }

    fn ask_rooms(&self, target: &Target, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
        let asked = self.with(|call, state| {
            call.check_target(state, target)?;
            checks::event(name, &payload)?;
            call.flush(state);
            let sockets = state.select(target);
            Ok(state.ask(sockets, name, &payload))
        });
        self.answers(asked?, timeout)
    }

    fn reply(&self, socket: &str, ack: u64, payload: Payload) -> Result<()> {
        checks::payload(&payload)?;
        self.write_to(socket, |socket| Write::Ack { socket, ack, payload })
    }

    fn join(&self, socket: &str, names: &[String]) -> Result<()> {
        checks::rooms(names)?;
        self.with(|call, state| {
            let Some(socket) = call.find(state, socket)? else { return Ok(()) };
            if state.rooms_seen(socket, call.connecting, &call.writes).would_exceed(names) {
                return Err(Error::refused(refusals::rooms_per_socket(ROOMS_PER_SOCKET_MAX)));
            }
            call.record(Write::Join { socket, rooms: names.to_vec() })
        })
    }

    fn leave(&self, socket: &str, names: &[String]) -> Result<()> {
        checks::rooms(names)?;
        self.write_to(socket, |socket| Write::Leave { socket, rooms: names.to_vec() })
    }

    fn rooms(&self, socket: &str) -> Result<Vec<String>> {
        self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            Ok(state.rooms_seen(socket, call.connecting, &call.writes).names().to_vec())
        })
    }

    fn join_all(&self, target: &Target, names: &[String]) -> Result<()> {
        checks::rooms(names)?;
        self.write_to_all(target, |target| Write::JoinAll { target, rooms: names.to_vec() })
    }

    fn leave_all(&self, target: &Target, names: &[String]) -> Result<()> {
        checks::rooms(names)?;
        self.write_to_all(target, |target| Write::LeaveAll { target, rooms: names.to_vec() })
    }

    fn handshake(&self, socket: &str) -> Result<Handshake> {
        self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            Ok(shown(call, state, socket))
        })
    }

    fn data(&self, socket: &str) -> Result<String> {
        self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            Ok(object(&state.data_seen(socket, call.connecting, &call.writes)))
        })
    }

    fn set_data(&self, socket: &str, key: &str, value: &str) -> Result<()> {
        self.with(|call, state| {
            let Some(socket) = call.find(state, socket)? else { return Ok(()) };
            let data = state.data_seen(socket, call.connecting, &call.writes);
            let others: usize = data.iter().filter(|(other, _)| *other != key).map(|(key, value)| key.len() + value.len()).sum();
            if others + key.len() + value.len() > DATA_BYTES_MAX {
                return Err(Error::refused(refusals::data_bytes(DATA_BYTES_MAX)));
            }
            call.record(Write::Data { socket, key: key.to_owned(), value: Some(value.to_owned()) })
        })
    }

    fn remove_data(&self, socket: &str, key: &str) -> Result<()> {
        self.write_to(socket, |socket| Write::Data { socket, key: key.to_owned(), value: None })
    }

    fn transport(&self, socket: &str) -> Result<String> {
        self.with(|call, state| call.socket(state, socket).map(|_| "websocket".to_owned()))
    }

    fn disconnect(&self, socket: &str, close: bool) -> Result<()> {
        self.write_to(socket, |socket| Write::Disconnect { socket, close })
    }

    fn disconnect_all(&self, target: &Target, close: bool) -> Result<()> {
        self.write_to_all(target, |target| Write::DisconnectAll { target, close })
    }

    fn fetch(&self, target: &Target, _timeout: Option<Duration>) -> Result<Vec<RemoteSocket>> {
        self.with(|call, state| {
            call.check_target(state, target)?;
            call.flush(state);
            let remote = |socket: SocketIndex| RemoteSocket {
                id: state.sockets[socket].id.clone(),
                handshake: shown(call, state, socket),
                rooms: state.sockets[socket].rooms.names().to_vec(),
                data: object(&state.sockets[socket].data),
            };
            Ok(state.select(target).into_iter().map(remote).collect())
        })
    }

    fn sleep(&self, delay: Duration) -> Result<()> {
        let until = self.with(|call, state| {
            call.flush(state);
            Ok(state.now.saturating_add(delay))
        })?;
        self.wait(WaitFor::Time, until)
    }

    fn set_timer(&self, setting: &Setting) -> Result<()> {
        self.with(|call, state| {
            if !call.plugin.has_timer {
                return Err(Error::refused(refusals::no_timer_hook()));
            }
            if setting.name.len() > TIMER_NAME_BYTES_MAX || setting.data.len() > TIMER_DATA_BYTES_MAX {
                return Err(Error::refused(refusals::timer_bytes()));
            }
            let Some(socket) = timer_of(call, state, setting.socket.as_deref())? else { return Ok(()) };
            let duration = |ms: u64| Duration::from_millis(ms).min(TIMER_DELAY_MAX);
            let timer = NewTimer {
                name: setting.name.clone(),
                socket,
                delay: duration(setting.delay_ms),
                every: setting.every_ms.map(duration),
                data: setting.data.clone(),
            };
            call.record(Write::SetTimer { plugin: call.plugin.index, timer })
        })
    }

    fn clear_timer(&self, name: &str, socket: Option<&str>) -> Result<()> {
        self.with(|call, state| {
            let Some(socket) = timer_of(call, state, socket)? else { return Ok(()) };
            call.record(Write::ClearTimer { plugin: call.plugin.index, name: name.to_owned(), socket })
        })
    }

    fn store_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.ask_store(|state| state.store.get(bucket, key, state.now))
    }

    fn store_set(&self, bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<bool> {
        self.ask_store(|state| state.store.set(bucket, key, value, ttl.map(|ttl| state.now.saturating_add(ttl))))
    }

    fn store_delete(&self, bucket: &str, key: &str) -> Result<bool> {
        self.ask_store(|state| state.store.delete(bucket, key, state.now))
    }

    fn store_increment(&self, bucket: &str, key: &str, by: i64) -> Result<i64> {
        self.ask_store(|state| state.store.increment(bucket, key, by, state.now))
    }

    fn store_compare_and_swap(&self, bucket: &str, key: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool> {
        self.ask_store(|state| state.store.compare_and_swap(bucket, key, expected, value, state.now))
    }

    fn store_scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Vec<u8>)>> {
        self.ask_store(|state| state.store.scan(bucket, prefix, after, limit, state.now))
    }

    /// A token is valid if the test said so, and as long as its claims say.
    fn verify(&self, key: &str, token: &str) -> Result<String> {
        self.with(|call, state| {
            call.plugin.needs(capabilities::JWT)?;
            state.claims(key, token).ok_or_else(|| Error::host(codes::INVALID, "the token is not valid"))
        })
    }

    fn consume(&self, key: &str, points: u32, limit: Limit) -> Result<Decision> {
        self.with(|call, state| {
            call.plugin.needs(capabilities::RATE_LIMIT)?;
            checks::rate_limit(key, limit.window_ms)?;
            call.flush(state);
            let (now, window) = (state.now, Duration::from_millis(limit.window_ms).min(RATE_LIMIT_WINDOW_MAX));
            let (consumed, closes) = state.plugins[call.plugin.index].windows.consume(key, points, window, now);
            Ok(Decision {
                allowed: consumed <= limit.points,
                remaining_points: limit.points.saturating_sub(consumed),
                consumed_points: consumed,
                // Rounded up: a client that waits so long finds the window closed.
                before_next_ms: u64::try_from((closes - now).as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX),
            })
        })
    }

    fn flush(&self) {
        // Without a call there is nothing to send.
        let _ = self.with(|call, state| {
            call.flush(state);
            Ok(())
        });
    }

    fn log(&self, level: &str, message: &str, fields: &[(String, String)]) {
        let message = message.get(..message.floor_char_boundary(LOG_MESSAGE_BYTES_MAX)).unwrap_or_default();
        self.write_line(Line {
            level: level.to_owned(),
            plugin: self.plugin().name.clone(),
            message: message.to_owned(),
            fields: fields.to_vec(),
        });
    }

    fn config(&self) -> String {
        self.plugin().config.clone()
    }

    fn now_ms(&self) -> u64 {
        self.with_state(|state| state.now_ms())
    }

    fn random_bytes(&self, length: usize) -> Vec<u8> {
        self.with_state(|state| state.random.bytes(length))
    }
}

impl CallHost {
    /// Waits for the answers, and closes the question: a socket that has not answered until then has timed out.
    fn answers(&self, question: usize, timeout: Option<Duration>) -> Result<Answers> {
        let until = self.with(|call, state| Ok(timeout.map_or(call.ends_at, |timeout| call.ends_at.min(state.now + timeout))))?;
        self.wait(WaitFor::Clients(question), until)?;
        self.with(|_, state| {
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

    /// A question to the store: done at once, and what was recorded before is sent first.
    fn ask_store<T>(&self, ask: impl FnOnce(&mut HostState) -> Result<T>) -> Result<T> {
        self.with(|call, state| {
            call.plugin.needs(capabilities::STORE)?;
            call.flush(state);
            ask(state)
        })
    }
}

/// A handshake, without what the plugin may not see.
fn shown(call: &Recording, state: &HostState, socket: SocketIndex) -> Handshake {
    let mut handshake = state.sockets[socket].handshake.clone();
    if !call.plugin.can(capabilities::HANDSHAKE_SECRETS) {
        handshake.auth = None;
        handshake.headers.retain(|(name, _)| !SECRET_HEADERS.contains(&name.as_str()));
    }
    handshake
}

/// The socket of a timer, if it has one; None if that is gone.
fn timer_of(call: &Recording, state: &HostState, socket: Option<&str>) -> Result<Option<Option<SocketIndex>>> {
    match socket {
        None => Ok(Some(None)),
        Some(id) => Ok(call.find(state, id)?.map(Some)),
    }
}

/// `socket.data` as the JSON object that it is.
fn object(data: &BTreeMap<String, String>) -> String {
    let members: Vec<String> = data.iter().map(|(key, value)| format!("{}:{value}", serde_json::Value::from(&**key))).collect();
    format!("{{{}}}", members.join(","))
}
