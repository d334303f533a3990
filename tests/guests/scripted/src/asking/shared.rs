//! The questions of a `shared` plugin: asked through the contract's own functions, and waited for as futures.

use std::time::Duration;

use innkeeper_plugin::bindings::innkeeper::plugin::types::{Failure, Target};
use innkeeper_plugin::bindings::innkeeper::plugin::{cluster, emit, rate_limit as limits, rooms, sockets, store, timers};
use innkeeper_plugin::exports::{fetched, refused_by_host};
use innkeeper_plugin::rate_limit::{Decision, Limit};
use innkeeper_plugin::{Answers, Args, Payload, RemoteSocket, Result, ServerAnswers, Socket};
use serde_json::Value;

/// The bucket of the steps that name none.
pub(crate) const BUCKET: &str = "scripted";
/// Entries of a page, and of a list of sockets or rooms.
const PAGE: u32 = 10_000;

/// Waits for the answer to a question, and takes it.
async fn answer<T>(
    ticket: std::result::Result<u64, Failure>,
    take: impl FnOnce(u64) -> std::result::Result<T, Failure>,
) -> Result<T> {
    shared_calls::ask(ticket, take).await.map_err(refused_by_host)
}

fn millis(timeout: Option<Duration>) -> Option<u32> {
    timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX))
}

fn target(socket: &Socket, rooms: Vec<String>) -> Target {
    Target { namespace: socket.namespace().to_owned(), rooms, except: Vec::new(), flags: Vec::new() }
}

pub(crate) async fn sleep(delay: Duration) -> Result<()> {
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    answer(timers::ask_sleep(delay_ms), |_| Ok(())).await
}

pub(crate) async fn ask(socket: &Socket, name: &str, timeout: Option<Duration>) -> Result<Value> {
    let ticket = emit::ask_socket(socket.id(), name, &().into_payload()?.into(), millis(timeout));
    let answers = Answers::from(answer(ticket, emit::responses).await?);
    match answers.responses.into_iter().next() {
        Some((_, payload)) => Ok(payload.read::<(Value,)>()?.0),
        None => Err("an answer without a response".into()),
    }
}

pub(crate) async fn ask_room(socket: &Socket, room: String, name: &str, timeout: Option<Duration>) -> Result<Answers> {
    let ticket = emit::ask_rooms(&target(socket, vec![room]), name, &Payload::default().into(), millis(timeout));
    answer(ticket, emit::responses).await.map(Answers::from)
}

pub(crate) async fn ask_servers(socket: &Socket, plans: Value, timeout: Option<Duration>) -> Result<ServerAnswers> {
    let ticket = cluster::ask(socket.namespace(), "do", &plans.into_payload()?.into(), millis(timeout));
    answer(ticket, cluster::responses).await.map(ServerAnswers::from)
}

pub(crate) async fn fetch(socket: &Socket, room: String, names: &[String]) -> Result<Vec<RemoteSocket>> {
    let ticket = sockets::fetch(&target(socket, vec![room]), names, None).map_err(refused_by_host)?;
    let mut page = answer(Ok(ticket), |ticket| sockets::fetched(ticket, PAGE)).await?;
    let mut found = Vec::new();
    loop {
        let more = page.more;
        found.extend(fetched(page, socket.namespace()).sockets);
        if !more {
            return Ok(found);
        }
        page = sockets::fetched(ticket, PAGE).map_err(refused_by_host)?;
    }
}

pub(crate) async fn count(socket: &Socket, room: String) -> Result<u32> {
    let ticket = rooms::ask_count(&target(socket, vec![room]), None);
    Ok(answer(ticket, rooms::counted).await?.count)
}

pub(crate) async fn ids(socket: &Socket, room: String) -> Result<Vec<String>> {
    let ticket = sockets::ask_ids(&target(socket, vec![room]), None).map_err(refused_by_host)?;
    let mut page = answer(Ok(ticket), |ticket| sockets::found(ticket, PAGE)).await?;
    let mut found = Vec::new();
    loop {
        found.append(&mut page.ids);
        if !page.more {
            return Ok(found);
        }
        page = sockets::found(ticket, PAGE).map_err(refused_by_host)?;
    }
}

pub(crate) async fn room_names(socket: &Socket, prefix: &str) -> Result<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let ticket = rooms::ask_names(socket.namespace(), prefix, all.last().map(String::as_str), PAGE, None);
        let page = answer(ticket, rooms::named).await?.names;
        let is_last = page.len() < PAGE as usize;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

pub(crate) async fn consume(key: &str, points: u32, limit: Limit) -> Result<Decision> {
    answer(limits::ask_consume(key, points, limit.into()), limits::consumed).await.map(Decision::from)
}

pub(crate) async fn set(key: &str, value: &Value, ttl: Option<Duration>) -> Result<()> {
    let ttl = ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    answer(store::ask_set(BUCKET, key, value.to_string().as_bytes(), ttl), store::done).await.map(drop)
}

pub(crate) async fn get(bucket: &str, key: &str) -> Result<Option<Value>> {
    let value = answer(store::ask_get(bucket, key), store::value).await?;
    Ok(value.map(|value| serde_json::from_slice(&value)).transpose()?)
}

pub(crate) async fn delete(key: &str) -> Result<bool> {
    answer(store::ask_delete(BUCKET, key), store::done).await
}

pub(crate) async fn increment(key: &str, by: i64) -> Result<i64> {
    answer(store::ask_increment(BUCKET, key, by), store::number).await
}

pub(crate) async fn compare_and_swap(key: &str, expected: Option<&Value>, value: Option<&Value>) -> Result<bool> {
    let [expected, value] = [expected, value].map(|value| value.map(|value| value.to_string().into_bytes()));
    answer(store::ask_compare_and_swap(BUCKET, key, expected.as_deref(), value.as_deref()), store::done).await
}

pub(crate) async fn scan(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Value)>> {
    let entries = answer(store::ask_scan(BUCKET, prefix, after, limit), store::entries).await?;
    entries.into_iter().map(|entry| Ok((entry.key, serde_json::from_slice(&entry.value)?))).collect()
}

pub(crate) async fn scan_count(prefix: &str, limit: u32) -> Result<usize> {
    Ok(answer(store::ask_scan(BUCKET, prefix, None, limit), store::entries).await?.len())
}

/// The keys of all entries; none for one whose value is no text. A page that has too many bytes is asked for again with fewer
/// entries.
pub(crate) async fn entries(prefix: &str) -> Result<Vec<Option<String>>> {
    let (mut keys, mut after, mut limit) = (Vec::new(), None, 100);
    loop {
        let page = match answer(store::ask_scan(BUCKET, prefix, after.as_deref(), limit), store::entries).await {
            Err(error) if error.code_str() == "limit" && limit > 1 => {
                limit /= 2;
                continue;
            }
            page => page?,
        };
        let is_last = page.len() < limit as usize;
        after = page.last().map(|entry| entry.key.clone());
        keys.extend(page.into_iter().map(|entry| serde_json::from_slice::<String>(&entry.value).is_ok().then_some(entry.key)));
        if is_last {
            return Ok(keys);
        }
    }
}
