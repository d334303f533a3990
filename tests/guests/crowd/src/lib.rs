//! Puts load on other plugins: sleeps, computes, emits without end, and writes to namespaces that it does not serve.

use std::time::Duration;

use innkeeper_plugin::{Plugin, Reply, Result, Socket, config, export, log, now_ms, of, sleep};
use serde::Deserialize;

/// The capabilities to request.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    asks: Vec<String>,
}

fn plugin() -> Plugin {
    let asks = config::<Config>().unwrap_or_default().asks;
    let plugin = asks.into_iter().fold(Plugin::new(), Plugin::capability);
    let plugin = plugin
        .on("doze", doze)
        .on("burn", burn)
        .on("number", number)
        .on("flood", flood)
        .on("reach", reach)
        .on("scribble", scribble)
        .on("peek", peek)
        .on("gather", |socket: &Socket, rooms: Vec<String>| socket.nsp().to(socket.id()).sockets_join(rooms))
        .on("log", write_log)
        .on("print", print);
    let plugin = room_events(plugin).disconnect(announce_disconnect);
    room_events(plugin.namespace("/b"))
}

fn room_events(plugin: Plugin) -> Plugin {
    plugin.on("join", |socket: &Socket, room: String| -> Result<_> { socket.join(room).map(|()| Reply(true)) }).on("cast", cast)
}

fn doze(_socket: &Socket, milliseconds: u64) -> Result<Reply<bool>> {
    sleep(Duration::from_millis(milliseconds))?;
    Ok(Reply(true))
}

fn burn(_socket: &Socket, milliseconds: u64) -> Reply<bool> {
    let end = now_ms() + milliseconds;
    while now_ms() < end {}
    Reply(true)
}

fn number(_socket: &Socket, number: u64) -> Reply<u64> {
    Reply(number)
}

/// Emits to the socket itself.
fn flood(socket: &Socket, count: usize, bytes: usize) -> Result<Reply<usize>> {
    let filler = "x".repeat(bytes);
    (0..count).try_for_each(|_| socket.emit("flood", &filler))?;
    Ok(Reply(count))
}

/// Emits to a room of both namespaces, this one first: two calls on two namespaces do it in opposite orders.
fn cast(socket: &Socket, room: String, number: u64, bytes: usize) -> Result<Reply<u64>> {
    let filler = "x".repeat(bytes);
    let other = if socket.namespace() == "/" { "/b" } else { "/" };
    for namespace in [socket.namespace(), other] {
        of(namespace).to(&room).emit("cast", (number, &filler))?;
    }
    Ok(Reply(number))
}

/// Writes to a namespace and asks for its sockets: `ok`, or the code of the refusal, for each.
fn reach(_socket: &Socket, namespace: String) -> Reply<(String, String)> {
    let code = |result: Result<()>| result.err().map_or_else(|| "ok".to_owned(), |error| error.code_str().to_owned());
    let written = code(of(&*namespace).emit("reached", ()));
    let fetched = code(of(&*namespace).fetch_sockets().map(drop));
    Reply((written, fetched))
}

/// Emits until it is refused: how many writes passed, and the code of the refusal.
fn scribble(socket: &Socket, bytes: usize) -> Reply<(u32, String)> {
    let filler = "x".repeat(bytes);
    let mut passed = 0;
    loop {
        match socket.emit("scribble", &filler) {
            Ok(()) => passed += 1,
            Err(error) => return Reply((passed, error.code_str().to_owned())),
        }
    }
}

/// Emits so often and then reads so often: the number of reads that passed, and the code of the refusal.
fn peek(socket: &Socket, writes: u32, reads: u32) -> Result<Reply<(u32, String)>> {
    (0..writes).try_for_each(|_| socket.emit("peek", ()))?;
    for passed in 0..reads {
        if let Err(error) = socket.rooms() {
            return Ok(Reply((passed, error.code_str().to_owned())));
        }
    }
    Ok(Reply((reads, "ok".to_owned())))
}

fn write_log(_socket: &Socket, level: String, lines: u32) -> Reply<bool> {
    (0..lines).for_each(|number| log::write(&level, format!("line {number}"), &[]));
    Reply(true)
}

/// Prints one line.
#[expect(clippy::print_stdout, reason = "the host makes lines of the log of it")]
fn print(_socket: &Socket, bytes: usize) -> Reply<bool> {
    println!("{}", "p".repeat(bytes));
    Reply(true)
}

fn announce_disconnect(socket: &Socket, reason: &str) -> Result<()> {
    socket.nsp().to("watchers").emit("went", (socket.id(), reason))
}

export!(plugin);
