//! One of everything: each kind of write and of question, with what the host said to it.

use innkeeper_plugin::bindings::Failure;
use innkeeper_plugin::bindings::innkeeper::plugin::types::Target;
use innkeeper_plugin::bindings::innkeeper::plugin::{emit, rate_limit, rooms, sockets, store, timers};
use serde_json::{Value, json};
use shared_calls::ask;

use crate::config::Config;
use crate::serving::data;
use crate::{payload, said};

const BUCKET: &str = "unruly";

/// Writes and asks what there is. The keys that it uses are those of the socket.
pub(crate) async fn work(place: &str, socket: &str) -> Value {
    let text = json!(place).to_string();
    let writes = json!({
        "emit": said(emit::to_socket(socket, "worked", &payload(&[json!(place)]), &[])),
        "join": said(rooms::join(socket, &[place.to_owned()])),
        "data": said(sockets::set_data(socket, "worked", &text)),
        "timer": said(timers::set(&timer(socket))),
    });
    let reads = json!({
        "data": data(socket, "worked"),
        "rooms": rooms::get(socket).map_or(0, |rooms| rooms.len()),
    });
    let (key, value) = (socket, text.as_bytes());
    let limit = rate_limit::Limit { points: 10, window_ms: 60_000 };
    let questions = json!({
        "set": told(ask(store::ask_set(BUCKET, &format!("set {key}"), value, None), store::done).await),
        "get": told(ask(store::ask_get(BUCKET, &format!("set {key}")), store::value).await.map(|value| value.is_some())),
        "increment": told(ask(store::ask_increment(BUCKET, &format!("sum {key}"), 1), store::number).await),
        "swap": told(ask(store::ask_compare_and_swap(BUCKET, &format!("swap {key}"), None, Some(value)), store::done).await),
        "delete": told(ask(store::ask_delete(BUCKET, &format!("set {key}")), store::done).await),
        "scan": told(ask(store::ask_scan(BUCKET, "", None, 1_000), store::entries).await.map(|entries| entries.len())),
        "consume": told(ask(rate_limit::ask_consume(key, 1, limit), rate_limit::consumed).await.map(|came| came.consumed_points)),
        "fetch": told(ask(sockets::fetch(&everybody(), &[], None), |ticket| sockets::fetched(ticket, 1_000)).await.map(|page| page.sockets.len())),
        "client": told(ask(emit::ask_socket(socket, "who", &payload(&[]), Some(1_000)), emit::responses).await.map(|answers| answers.responses.len())),
        "sleep": told(ask(timers::ask_sleep(10), |_| Ok("slept")).await),
    });
    json!({"writes": writes, "reads": reads, "questions": questions})
}

/// A timer of the socket that tells it.
fn timer(socket: &str) -> timers::Setting {
    timers::Setting {
        name: "due".to_owned(),
        key: Some("work".to_owned()),
        socket: Some(socket.to_owned()),
        delay_ms: 50,
        every_ms: None,
        data: json!("tell").to_string(),
        options: Vec::new(),
    }
}

fn everybody() -> Target {
    Target { namespace: Config::loaded().namespace, rooms: Vec::new(), except: Vec::new(), flags: Vec::new() }
}

/// An answer, or the code of the failure.
fn told(answer: Result<impl serde::Serialize, Failure>) -> Value {
    answer.map_or_else(|failure| json!({"code": failure.code}), |answer| json!(answer))
}
