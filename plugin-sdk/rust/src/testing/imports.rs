//! The imports of the contract, as a host in memory serves them. Everything above them in this crate is what runs in a component too.

use super::call_host::CallHost;
use super::checks;
use super::host_state::HostState;
use super::ids::SocketIndex;
use super::job::WaitFor;
use super::line::Line;
use super::node_state::is_local;
use super::recording::Recording;
use super::server_socket::SocketState;
use super::timers::{NewTimer, TimerId};
use super::write::Write;
use crate::bindings::innkeeper::plugin::rate_limit::{Decision, Limit};
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::{Error, Result};
use crate::host::{Answers, Handshake, Host, Page, RemoteSocket, ServersAnswers, Setting};
use crate::payload::Payload;
use innkeeper_contract::capabilities::{self, SECRET_HEADERS};
use innkeeper_contract::defaults::{DATA_BYTES_MAX, ROOMS_PER_SOCKET_MAX};
use innkeeper_contract::fields::{self, ADDRESS, AUTH, DATA, HANDSHAKE, HEADERS, QUERY, ROOMS, URL};
use innkeeper_contract::limits::{
    DATA_KEYS_MAX, LOG_MESSAGE_BYTES_MAX, RATE_LIMIT_WINDOW_MAX, TIMER_DATA_BYTES_MAX, TIMER_DELAY_MAX, TIMER_NAME_BYTES_MAX,
};
use innkeeper_contract::options::KEEP;
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
        self.with(|call, state| {
            let before = call.writes.len();
            let write = |target| Write::Broadcast { target, name: name.to_owned(), payload: payload.clone() };
            let targets = call.emit_targets(state, target)?;
            let recorded = targets.into_iter().try_for_each(|target| call.record(write(target)));
            // All of them or none.
            recorded.inspect_err(|_| call.writes.truncate(before))
        })
    }

    fn ask_socket(&self, socket: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<Answers> {
        let asked = self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            checks::event(name, &payload)?;
            call.flush(state);
            if state.sockets[socket].state == SocketState::Pending {
                return Err(Error::refused(refusals::pending()));
            }
            Ok(state.ask(call.plugin.node, vec![socket], 0, name, &payload))
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
            let sockets = state.select(call.plugin.node, target);
            let nodes_missing = if is_local(target) { 0 } else { state.silent_for(call.plugin.node) };
            Ok(state.ask(call.plugin.node, sockets, nodes_missing, name, &payload))
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

    fn handshake(&self, socket: &str, fields: &[&str]) -> Result<Handshake> {
        self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            Ok(visible_handshake(call, state, socket, &|field| fields.contains(&field)))
        })
    }

    fn data(&self, socket: &str) -> Result<String> {
        self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            Ok(object(&state.data_seen(socket, call.connecting, &call.writes)))
        })
    }

    fn data_value(&self, socket: &str, key: &str) -> Result<Option<String>> {
        self.with(|call, state| {
            let socket = call.socket(state, socket)?;
            Ok(state.data_seen(socket, call.connecting, &call.writes).get(key).cloned())
        })
    }

    fn set_data(&self, socket: &str, key: &str, value: &str) -> Result<()> {
        checks::depth("value", value)?;
        self.with(|call, state| {
            let Some(socket) = call.find(state, socket)? else { return Ok(()) };
            let data = state.data_seen(socket, call.connecting, &call.writes);
            if !data.contains_key(key) && data.len() >= DATA_KEYS_MAX {
                return Err(Error::refused(refusals::data_keys()));
            }
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

    fn fetch(&self, target: &Target, fields: &[String], timeout: Option<Duration>) -> Result<Page> {
        let wants = |field: &str| fields.iter().any(|wanted| wanted == field);
        // Of the handshake itself, the address, the query and the URL are one field.
        let wants_of_handshake = |field: &str| match field {
            AUTH | HEADERS => wants(field),
            ADDRESS | QUERY | URL => wants(HANDSHAKE),
            _ => false,
        };
        let with_handshake = [HANDSHAKE, AUTH, HEADERS].into_iter().any(wants);
        self.flush();
        let (sockets, nodes_missing) = self.look(target, timeout, |call, state| {
            let remote = |index: SocketIndex| {
                let socket = &state.sockets[index];
                RemoteSocket {
                    id: socket.id.clone(),
                    handshake: with_handshake.then(|| visible_handshake(call, state, index, &wants_of_handshake)),
                    rooms: if wants(ROOMS) { socket.rooms.names().to_vec() } else { Vec::new() },
                    data: wants(DATA).then(|| object(&socket.data)),
                }
            };
            state.select(call.plugin.node, target).into_iter().map(remote).collect()
        })?;
        Ok(Page { sockets, more: false, nodes_missing, missing_nodes: Vec::new() })
    }

    fn ids(&self, target: &Target, timeout: Option<Duration>) -> Result<(Vec<String>, u32)> {
        self.look(target, timeout, |call, state| {
            let sockets = state.select(call.plugin.node, target).into_iter();
            let mut ids: Vec<_> = sockets.map(|index| state.sockets[index].id.clone()).collect();
            ids.sort();
            ids
        })
    }

    fn count(&self, target: &Target, timeout: Option<Duration>) -> Result<(u32, u32)> {
        let count = |call: &Recording, state: &HostState| state.select(call.plugin.node, target).len();
        let (count, nodes_missing) = self.look(target, timeout, count)?;
        Ok((u32::try_from(count).unwrap_or(u32::MAX), nodes_missing))
    }

    fn room_names(&self, target: &Target, prefix: &str, timeout: Option<Duration>) -> Result<(Vec<String>, u32)> {
        self.look(target, timeout, |call, state| state.room_names(call.plugin.node, target, prefix))
    }

    fn server_emit(&self, namespace: &str, name: &str, payload: Payload) -> Result<()> {
        self.with(|call, state| {
            call.check_server_event(state, namespace, name, &payload)?;
            call.record(Write::ServerEvent { namespace: namespace.to_owned(), name: name.to_owned(), payload })
        })
    }

    fn server_ask(&self, namespace: &str, name: &str, payload: Payload, timeout: Option<Duration>) -> Result<ServersAnswers> {
        let question = self.with(|call, state| {
            call.check_server_event(state, namespace, name, &payload)?;
            call.flush(state);
            Ok(state.ask_servers(call.plugin.node, namespace, name, &payload))
        })?;
        self.wait_for_nodes(WaitFor::Servers(question), timeout)?;
        self.with(|_, state| {
            let question = std::mem::take(&mut state.server_questions[question]);
            let nodes_missing = question.nodes_missing();
            Ok(ServersAnswers { responses: question.into_responses().into_iter().map(Payload::into).collect(), nodes_missing })
        })
    }

    fn node(&self) -> String {
        self.with_state(|state| state.nodes[self.plugin().node].name.clone())
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
                let refusal = refusals::no_timer_hook();
                let advice = format!("add `.timer({:?}, …)` to the plugin", setting.name);
                return Err(Error::host(refusal.code, format!("{refusal}: {advice}")));
            }
            let key_bytes = setting.key.as_ref().map_or(0, String::len);
            if setting.name.len().max(key_bytes) > TIMER_NAME_BYTES_MAX || setting.data.len() > TIMER_DATA_BYTES_MAX {
                return Err(Error::refused(refusals::timer_bytes()));
            }
            let Some(socket) = timer_of(call, state, setting.socket.as_deref())? else { return Ok(()) };
            let duration = |ms: u64| Duration::from_millis(ms).min(TIMER_DELAY_MAX);
            let timer = NewTimer {
                id: TimerId { name: setting.name.clone(), key: setting.key.clone() },
                socket,
                delay: duration(setting.delay_ms),
                every: setting.every_ms.map(duration),
                data: setting.data.clone(),
                keep: setting.options.iter().any(|option| option == KEEP),
            };
            call.record(Write::SetTimer { plugin: call.plugin.index, timer })
        })
    }

    fn clear_timer(&self, name: &str, key: Option<&str>, socket: Option<&str>) -> Result<()> {
        self.with(|call, state| {
            let Some(socket) = timer_of(call, state, socket)? else { return Ok(()) };
            let id = TimerId { name: name.to_owned(), key: key.map(str::to_owned) };
            call.record(Write::ClearTimer { plugin: call.plugin.index, id, socket })
        })
    }

    fn store_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.ask_store(bucket, |state| state.store.get(bucket, key, state.now))
    }

    fn store_set(&self, bucket: &str, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<bool> {
        self.ask_store(bucket, |state| state.store.set(bucket, key, value, ttl.map(|ttl| state.now.saturating_add(ttl))))
    }

    fn store_delete(&self, bucket: &str, key: &str) -> Result<bool> {
        self.ask_store(bucket, |state| state.store.delete(bucket, key, state.now))
    }

    fn store_increment(&self, bucket: &str, key: &str, by: i64) -> Result<i64> {
        self.ask_store(bucket, |state| state.store.increment(bucket, key, by, state.now))
    }

    fn store_compare_and_swap(&self, bucket: &str, key: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool> {
        self.ask_store(bucket, |state| state.store.compare_and_swap(bucket, key, expected, value, state.now))
    }

    fn store_scan(&self, bucket: &str, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Vec<u8>)>> {
        self.ask_store(bucket, |state| state.store.scan(bucket, prefix, after, limit, state.now))
    }

    /// A token is valid if the test has made it valid, and at the times that its claims say.
    fn verify(&self, key: &str, token: &str) -> Result<String> {
        self.with(|call, state| {
            call.plugin.needs_part(capabilities::JWT, key)?;
            state.claims(key, token).map_err(|(code, reason)| Error::host(code, reason))
        })
    }

    fn consume(&self, key: &str, points: u32, limit: Limit) -> Result<Decision> {
        self.with(|call, state| {
            call.plugin.needs(capabilities::RATE_LIMIT)?;
            checks::rate_limit(key, limit.window_ms)?;
            call.flush(state);
            let (now, window) = (state.now, Duration::from_millis(limit.window_ms).min(RATE_LIMIT_WINDOW_MAX));
            let (consumed, closes) = state.plugins[call.plugin.position].windows.consume(key, points, window, now);
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
            event: self.event(),
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

/// The fields of a handshake that are requested, without what the plugin may not see.
fn visible_handshake(call: &Recording, state: &HostState, socket: SocketIndex, wants: &dyn Fn(&str) -> bool) -> Handshake {
    let mut handshake = state.sockets[socket].handshake.clone();
    let with_secrets = call.plugin.can(capabilities::HANDSHAKE_SECRETS);
    let wants_one = |field: &str, name: &str| wants(field) || wants(&fields::one(field, name));
    handshake.headers.retain(|(name, _)| wants_one(HEADERS, name) && (with_secrets || !SECRET_HEADERS.contains(&name.as_str())));
    handshake.query.retain(|(name, _)| wants_one(QUERY, name));
    handshake.auth = handshake.auth.filter(|_| wants(AUTH) && with_secrets);
    if !wants(ADDRESS) {
        handshake.address.clear();
    }
    if !wants(URL) {
        handshake.url.clear();
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
