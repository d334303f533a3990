//! Sets timers of every kind. Each emits an event, so that a client can count them.

use std::time::Duration;

use innkeeper_plugin::{Plugin, Reply, Result, Socket, Timer, io, sleep, timer};
use serde_json::{Value, json};

fn plugin() -> Plugin {
    Plugin::new()
        .start(|| timer("heartbeat").every(Duration::from_millis(50)).data(&json!({"from": "start"}))?.set())
        .timer("heartbeat", |timer: &Timer| io().emit("heartbeat", timer.data::<Value>()?))
        .on("once", |socket: &Socket, data: Value| socket.timer("once").after(Duration::from_millis(20)).data(&data)?.set())
        .timer("once", once)
        .on("clear", |socket: &Socket| socket.timer("once").clear())
        .on("fail", |socket: &Socket| -> Result<()> {
            socket.timer("once").data(&"never")?.set()?;
            Err("taken back".into())
        })
        .on("break", |socket: &Socket| socket.timer("broken").set())
        .timer("broken", broken)
        .on("slow", slow)
        .on("ping", |socket: &Socket, number: u64| socket.emit("pong", number))
}

fn once(timer: &Timer) -> Result<()> {
    let Some(socket) = timer.socket() else { return Err("it was set for a socket".into()) };
    socket.emit("once", (timer.data::<Value>()?, socket.namespace().to_owned()))
}

#[expect(clippy::panic, reason = "that is what it is for")]
fn broken(_timer: &Timer) -> Result<()> {
    panic!("a timer that breaks")
}

/// Sets a timer that is due while this handler still waits, and answers after that.
fn slow(socket: &Socket) -> Result<Reply<&'static str>> {
    socket.timer("once").data(&"in order")?.set()?;
    innkeeper_plugin::flush();
    sleep(Duration::from_millis(100))?;
    socket.emit("slow", ())?;
    Ok(Reply("done"))
}

innkeeper_plugin::export!(plugin);
