//! What is done in the exports beside `event`: what the client planned, in the query of its URL or later in the event `plan`, or the
//! configuration. Without a plan it is nothing.
//!
//! A plan is a word, or `{"nap": 50, "then": …}`.

use std::future::pending;

use innkeeper_plugin::bindings::innkeeper::plugin::types::Failure;
use innkeeper_plugin::bindings::innkeeper::plugin::{calls, emit, sockets, store};
use innkeeper_plugin::bindings::{CallId, Outcome, SocketId, TimerCall, Verdict};
use serde_json::{Map, Value, json};
use shared_calls::ask;

use crate::config::Config;
use crate::serving::{data, nap};
use crate::work::work;
use crate::{break_down, done, failure, memory, payload, said, spin};

/// A hook, or one of its kinds.
#[derive(Clone, Copy)]
pub(crate) enum Hook {
    Start,
    ConnectMiddleware,
    Connection,
    Resumed,
    EventMiddleware,
    Disconnecting,
    Disconnect,
    Timer,
}

impl Hook {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::ConnectMiddleware => "connect-middleware",
            Self::Connection => "connection",
            Self::Resumed => "resumed",
            Self::EventMiddleware => "event-middleware",
            Self::Disconnecting => "disconnecting",
            Self::Disconnect => "disconnect",
            Self::Timer => "timer",
        }
    }
}

/// Keeps a plan in the socket's data, which outlives this instance.
pub(crate) fn plan(socket: &str, hook: &str, plan: Option<&Value>) -> Result<(), Failure> {
    let mut plans = data(socket, "plans").as_object().cloned().unwrap_or_default();
    plans.insert(hook.to_owned(), plan.cloned().unwrap_or_default());
    sockets::set_data(socket, "plans", &Value::from(plans).to_string())
}

/// The plan for a hook: the one that was kept, or that of the URL.
fn planned(hook: Hook, socket: Option<&SocketId>) -> Value {
    let Some(socket) = socket else {
        return Config::loaded().plans.remove(hook.name()).unwrap_or_default();
    };
    if let Some(plan) = data(socket, "plans").get(hook.name()) {
        return plan.clone();
    }
    let query = sockets::get_handshake(socket, &["query:plans".to_owned()]).map(|handshake| handshake.query);
    let plans = query.unwrap_or_default().into_iter().next();
    let plans: Map<String, Value> = plans.and_then(|(_, text)| serde_json::from_str(&text).ok()).unwrap_or_default();
    plans.get(hook.name()).cloned().unwrap_or_default()
}

/// A lifecycle call: takes its plan.
pub(crate) async fn outcome(call: CallId, hook: Hook, socket: Option<SocketId>) -> Outcome {
    let plan = planned(hook, socket.as_ref());
    follow(call, plan, hook, socket.as_deref()).await
}

/// A timer: its data is the plan.
pub(crate) async fn due(timer: TimerCall) -> Outcome {
    let plan = serde_json::from_str(&timer.data).unwrap_or_default();
    follow(timer.call, plan, Hook::Timer, timer.socket.as_deref()).await
}

async fn follow(call: CallId, plan: Value, hook: Hook, socket: Option<&str>) -> Outcome {
    let plan = rested(plan).await;
    match plan.as_str().unwrap_or_default() {
        "panic" => break_down(),
        "spin" => spin(),
        "never" => pending().await,
        "fail" => Outcome::Failed(failure("PLANNED", "as planned")),
        "bare-waiting" => Outcome::Waiting,
        "ask-without-end" => loop {
            let _answer = ask(store::ask_get("unruly", "nothing"), store::value).await;
        },
        "wrong-settle" => {
            calls::settle_verdict(call, &Verdict::Pass);
            Outcome::Waiting
        }
        "work" => {
            let worked = work(hook.name(), socket.unwrap_or_default()).await;
            memory::saw(json!(["worked", hook.name(), worked]));
            Outcome::Done(None)
        }
        "tell" => {
            let told = emit::to_socket(socket.unwrap_or_default(), "told", &payload(&[json!(hook.name())]), &[]);
            memory::saw(json!(["told", hook.name(), said(told)]));
            Outcome::Done(None)
        }
        _ => Outcome::Done(None),
    }
}

/// Middleware: takes its plan.
pub(crate) async fn verdict(call: CallId, hook: Hook, socket: SocketId) -> Verdict {
    let plan = rested(planned(hook, Some(&socket))).await;
    match plan.as_str().unwrap_or_default() {
        "panic" => break_down(),
        "spin" => spin(),
        "never" => pending().await,
        "fail" => Verdict::Failed(failure("PLANNED", "as planned")),
        "reject" => Verdict::Reject(failure("PLANNED", "as planned")),
        "bare-waiting" => Verdict::Waiting,
        "wrong-settle" => {
            calls::settle(call, &done("not a verdict"));
            Verdict::Waiting
        }
        "settle-twice" => {
            calls::settle_verdict(call, &Verdict::Reject(failure("FIRST", "the first counts")));
            calls::settle_verdict(call, &Verdict::Pass);
            Verdict::Waiting
        }
        "settle-and-pass" => {
            calls::settle_verdict(call, &Verdict::Reject(failure("FIRST", "the first counts")));
            Verdict::Pass
        }
        "tell" => {
            let _told = emit::to_socket(&socket, "told", &payload(&[json!(hook.name())]), &[]);
            Verdict::Pass
        }
        _ => Verdict::Pass,
    }
}

/// Naps as planned; what comes then.
async fn rested(plan: Value) -> Value {
    match plan.get("nap").and_then(Value::as_u64) {
        Some(delay_ms) => {
            nap(delay_ms).await;
            plan.get("then").cloned().unwrap_or_default()
        }
        None => plan,
    }
}

/// Hands the counter over.
pub(crate) fn snapshot() -> Result<String, Failure> {
    match Config::loaded().plans.get("snapshot").and_then(Value::as_str).unwrap_or_default() {
        "panic" => break_down(),
        "spin" => spin(),
        "fail" => Err(failure("PLANNED", "as planned")),
        "large" => Ok("s".repeat(20 << 20)),
        _ => Ok(memory::with(|memory| json!({"counter": memory.counter})).to_string()),
    }
}

/// Takes the counter over.
pub(crate) fn restore(state: &str) -> Result<(), Failure> {
    match Config::loaded().plans.get("restore").and_then(Value::as_str).unwrap_or_default() {
        "panic" => break_down(),
        "spin" => spin(),
        "fail" => return Err(failure("PLANNED", "as planned")),
        _ => {}
    }
    let state: Value = serde_json::from_str(state).map_err(|error| failure("", error.to_string()))?;
    memory::with(|memory| {
        memory.counter = state.get("counter").and_then(Value::as_u64).unwrap_or_default();
        memory.restored = true;
    });
    Ok(())
}
