//! The questions of a `shared` plugin: asked through the contract's own functions, and waited for as futures.

use std::time::Duration;

use innkeeper_plugin::bindings::innkeeper::plugin::types::Failure;
use innkeeper_plugin::bindings::innkeeper::plugin::{emit, store, timers};
use innkeeper_plugin::exports::refused_by_host;
use innkeeper_plugin::{Answers, Args, Result, Socket};
use serde_json::Value;

use crate::mark::version;
use crate::memory;

/// Whether the memory of an instance is that of all its sockets.
pub(crate) const IS_SHARED: bool = true;

/// Waits for the answer to a question, and takes it.
async fn answer<T>(
    ticket: std::result::Result<u64, Failure>,
    take: impl FnOnce(u64) -> std::result::Result<T, Failure>,
) -> Result<T> {
    shared_calls::ask(ticket, take).await.map_err(refused_by_host)
}

pub(crate) async fn sleep(delay: Duration) -> Result<()> {
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    answer(timers::ask_sleep(delay_ms), |_| Ok(())).await
}

pub(crate) async fn ask(socket: &Socket, event: &str, value: u32) -> Result<Value> {
    let ticket = emit::ask_socket(socket.id(), event, &value.into_payload()?.into(), None);
    let answers = Answers::from(answer(ticket, emit::responses).await?);
    match answers.responses.into_iter().next() {
        Some((_, payload)) => Ok(payload.read::<(Value,)>()?.0),
        None => Err("an answer without a response".into()),
    }
}

pub(crate) async fn increment(key: &str) -> Result<i64> {
    answer(store::ask_increment("swapped", key, 1), store::number).await
}

/// Emits from now on, for as long as the instance lives: `setInterval` of JavaScript.
pub(crate) fn tick(socket: Socket) {
    shared_calls::spawn(async move {
        while sleep(Duration::from_millis(20)).await.is_ok() {
            let ticks = memory::with(|memory| {
                memory.ticks += 1;
                memory.ticks
            });
            if socket.emit("tick", (version(), ticks)).is_err() {
                break;
            }
        }
    });
}
