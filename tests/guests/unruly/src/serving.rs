//! What a good plugin does: answers, counts, waits, asks.

use innkeeper_plugin::bindings::innkeeper::plugin::types::Target;
use innkeeper_plugin::bindings::innkeeper::plugin::{acks, calls, emit, rooms, sockets, timers};
use innkeeper_plugin::bindings::{EventCall, Outcome, Ticket};
use serde_json::{Value, json};

use crate::config::Config;
use crate::work::work;
use crate::{done, failure, memory, payload, plans, said};

/// The events that are served.
pub(crate) const EVENTS: &[&str] = &[
    "echo",
    "count",
    "memory",
    "plan",
    "nap",
    "fail-late",
    "ask",
    "ask-room",
    "step",
    "join",
    "cast",
    "timer",
    "work",
    "keep-ack",
    "give-ack",
];

/// Serves an event.
pub(crate) async fn serve(event: &EventCall, args: &[Value]) -> Outcome {
    let text = |index: usize| args.get(index).and_then(Value::as_str).unwrap_or_default();
    let number = |index: usize| args.get(index).and_then(Value::as_u64).unwrap_or_default();
    match &*event.name {
        "echo" => Outcome::Done(Some(event.payload.clone())),
        "count" => done(memory::with(|memory| {
            memory.counter += 1;
            memory.counter
        })),
        "memory" => done(memory::with(|memory| json!(memory))),
        "plan" => done(said(plans::plan(&event.socket, text(0), args.get(1)))),
        "nap" => {
            nap(number(0)).await;
            done(args)
        }
        // Writes, waits, writes, fails.
        "fail-late" => {
            let _before = emit::to_socket(&event.socket, "before", &payload(args), &[]);
            nap(number(0)).await;
            let _after = emit::to_socket(&event.socket, "after", &payload(args), &[]);
            Outcome::Failed(failure("LATE", "too late"))
        }
        "ask" => done(ask(emit::ask_socket(&event.socket, text(0), &payload(&[]), timeout(args))).await),
        "ask-room" => done(ask(emit::ask_rooms(&room(event, text(0)), text(1), &payload(&[]), None)).await),
        "step" => step(event, number(0), number(1)).await,
        "join" => done(said(rooms::join(&event.socket, &[text(0).to_owned()]))),
        "cast" => {
            nap(number(1)).await;
            done(said(emit::to_rooms(&room(event, text(0)), "cast", &payload(args))))
        }
        "timer" => done(said(set_timer(event, text(0), number(1), args.get(2)))),
        "work" => done(work("event", &event.socket).await),
        "keep-ack" => {
            let _kept = sockets::set_data(&event.socket, "ack", &json!(event.ack).to_string());
            Outcome::Done(None)
        }
        "give-ack" => {
            let kept = data(&event.socket, "ack").as_u64().unwrap_or_default();
            done(said(acks::reply(&event.socket, kept, &payload(args))))
        }
        _ => Outcome::Failed(failure("", format!("there is no event {:?}", event.name))),
    }
}

/// Tells the client that this plugin has begun an event, waits so long if it is not 0, and tells that it ended.
async fn step(event: &EventCall, number: u64, delay_ms: u64) -> Outcome {
    let name = Config::loaded().name;
    let tell = |word: &str| {
        let args = payload(&[json!(name), json!(number)]);
        said(emit::to_socket(&event.socket, word, &args, &[]))
    };
    tell("begins");
    if delay_ms > 0 {
        nap(delay_ms).await;
    }
    tell("ends");
    done(json!([name, number]))
}

/// Sleeps, in the way of the mode.
pub(crate) async fn nap(delay_ms: u64) {
    let Ok(ticket) = timers::ask_sleep(delay_ms) else { return };
    waited(ticket).await;
}

/// Waits for a ticket, in the way of the mode.
async fn waited(ticket: Ticket) {
    if Config::loaded().mode == "pooled" {
        calls::wait(&[ticket]);
    } else {
        shared_calls::answered(ticket).await;
    }
}

/// The answers of clients as texts of JSON, or the code of the failure.
pub(crate) async fn ask(ticket: Result<Ticket, innkeeper_plugin::bindings::Failure>) -> Value {
    let asked = match ticket {
        Ok(ticket) => {
            waited(ticket).await;
            emit::responses(ticket)
        }
        Err(refused) => Err(refused),
    };
    match asked {
        Ok(answers) => json!({
            "answers": answers.responses.iter().map(|response| &response.payload.args).collect::<Vec<_>>(),
            "missing": answers.missing,
            "timedOut": answers.timed_out,
        }),
        Err(failure) => json!({"code": failure.code}),
    }
}

fn timeout(args: &[Value]) -> Option<u32> {
    args.get(1).and_then(Value::as_u64).and_then(|milliseconds| u32::try_from(milliseconds).ok())
}

/// A room of the event's namespace.
fn room(event: &EventCall, name: &str) -> Target {
    Target { namespace: event.namespace.clone(), rooms: vec![name.to_owned()], except: Vec::new(), flags: Vec::new() }
}

/// A timer of the socket, or with `own` of the plugin, that does what is planned.
fn set_timer(
    event: &EventCall,
    whose: &str,
    delay_ms: u64,
    plan: Option<&Value>,
) -> Result<(), innkeeper_plugin::bindings::Failure> {
    timers::set(&timers::Setting {
        name: "due".to_owned(),
        key: None,
        socket: (whose != "own").then(|| event.socket.clone()),
        delay_ms,
        every_ms: None,
        data: plan.unwrap_or(&Value::Null).to_string(),
        options: Vec::new(),
    })
}

/// The value under a key of the socket's data, null if there is none.
pub(crate) fn data(socket: &str, key: &str) -> Value {
    let text = sockets::get_data_value(socket, key).ok().flatten();
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
