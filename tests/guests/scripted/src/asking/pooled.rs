//! The questions of a `pooled` plugin: the SDK's functions, which wait themselves.

use std::time::Duration;

use innkeeper_plugin::rate_limit::{self, Decision, Limit};
use innkeeper_plugin::{Answers, Field, RemoteSocket, Result, ServerAnswers, Socket, store};
use serde_json::Value;

/// The bucket of the steps that name none.
pub(crate) const BUCKET: &str = "scripted";

fn bucket() -> store::Bucket {
    store::bucket(BUCKET)
}

pub(crate) async fn sleep(delay: Duration) -> Result<()> {
    innkeeper_plugin::sleep(delay)
}

pub(crate) async fn ask(socket: &Socket, name: &str, timeout: Option<Duration>) -> Result<Value> {
    match timeout {
        Some(timeout) => socket.timeout(timeout).emit_with_ack(name, ()),
        None => socket.emit_with_ack(name, ()),
    }
}

pub(crate) async fn ask_room(socket: &Socket, room: String, name: &str, timeout: Option<Duration>) -> Result<Answers> {
    let target = socket.nsp().to(room);
    if let Some(timeout) = timeout { target.timeout(timeout) } else { target }.emit_with_ack(name, ())
}

pub(crate) async fn ask_servers(socket: &Socket, plans: Value, timeout: Option<Duration>) -> Result<ServerAnswers> {
    let target = socket.nsp();
    if let Some(timeout) = timeout { target.timeout(timeout) } else { target }.server_side_emit_with_ack("do", plans)
}

pub(crate) async fn fetch(socket: &Socket, room: String, names: &[String]) -> Result<Vec<RemoteSocket>> {
    let fields = names.iter().filter_map(|name| match name.as_str() {
        "rooms" => Some(Field::Rooms),
        "data" => Some(Field::Data),
        "handshake" => Some(Field::Handshake),
        "auth" => Some(Field::Auth),
        "headers" => Some(Field::Headers),
        _ => None,
    });
    Ok(socket.nsp().to(room).fetch(fields)?.sockets)
}

pub(crate) async fn count(socket: &Socket, room: String) -> Result<u32> {
    socket.nsp().to(room).count()
}

pub(crate) async fn ids(socket: &Socket, room: String) -> Result<Vec<String>> {
    socket.nsp().to(room).ids()
}

pub(crate) async fn room_names(socket: &Socket, prefix: &str) -> Result<Vec<String>> {
    socket.nsp().rooms_with_prefix(prefix)
}

pub(crate) async fn consume(key: &str, points: u32, limit: Limit) -> Result<Decision> {
    rate_limit::consume(key, points, limit)
}

pub(crate) async fn set(key: &str, value: &Value, ttl: Option<Duration>) -> Result<()> {
    match ttl {
        Some(ttl) => bucket().set_for(key, value, ttl),
        None => bucket().set(key, value),
    }
}

pub(crate) async fn get(bucket: &str, key: &str) -> Result<Option<Value>> {
    store::bucket(bucket).get(key)
}

pub(crate) async fn delete(key: &str) -> Result<bool> {
    bucket().delete(key)
}

pub(crate) async fn increment(key: &str, by: i64) -> Result<i64> {
    bucket().increment(key, by)
}

pub(crate) async fn compare_and_swap(key: &str, expected: Option<&Value>, value: Option<&Value>) -> Result<bool> {
    bucket().compare_and_swap(key, expected, value)
}

pub(crate) async fn scan(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Value)>> {
    bucket().scan(prefix, after, limit)
}

pub(crate) async fn scan_count(prefix: &str, limit: u32) -> Result<usize> {
    Ok(bucket().scan_bytes(prefix, None, limit)?.len())
}

/// The keys of all entries; none for one whose value is no text.
pub(crate) async fn entries(prefix: &str) -> Result<Vec<Option<String>>> {
    let keys = bucket().entries::<String>(prefix).map(|entry| match entry {
        Err(error) if error.is_host() => Err(error),
        entry => Ok(entry.ok().map(|(key, _)| key)),
    });
    keys.collect()
}
