//! One event for each thing that a socket can do.
//!
//! What a client cannot see (why it was disconnected) goes to the log, where the tests read it. With `secrets = true` in its
//! configuration it requests the capability `handshake:secrets`; with `mistaken = true` it takes `connection` for an event.

use std::time::Duration;

use innkeeper_plugin::{
    Ack, Answers, Binary, Error, Event, Payload, Plugin, Reply, Result, Socket, Spread, config, export, log, sleep,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn plugin() -> Plugin {
    let plugin = Plugin::new()
        .connection(|socket: &Socket, kind: &str| socket.emit("welcome", (socket.id(), kind)))
        .on("id", |socket: &Socket| Reply(socket.id().to_owned()))
        .on("rooms", rooms)
        .on("join", |socket: &Socket, room: String| -> Result<_> { socket.join(room).map(|()| Reply(true)) })
        .on("leave", |socket: &Socket, room: String| -> Result<_> { socket.leave(room).map(|()| Reply(true)) })
        .on("to", |socket: &Socket, room: String, value: Value| socket.nsp().to(room).emit("told", value))
        .on("data:set", data_set)
        .on("data:get", |socket: &Socket, key: String| -> Result<_> { Ok(Reply(socket.data::<Value>(&key)?)) })
        .on("data:remove", |socket: &Socket, key: String| socket.remove_data(&key))
        .on("handshake", handshake)
        .on("transport", |socket: &Socket| -> Result<_> { socket.transport().map(Reply) })
        .on("kick", kick)
        .on("ask:me", ask_me)
        .on("ask:room", ask_room)
        .on("silent", |_: &Socket, _: Value| {})
        .on("flash", |socket: &Socket, value: Value| socket.volatile().emit("flashed", value))
        .on("several", several)
        .on("relay", |socket: &Socket, room: String, rest: Payload| {
            socket.nsp().to(room).emit("relayed", rest.after(socket.id()))
        })
        .on("spread", spread)
        .on("whole", |_: &Socket, event: Event, ack: Ack| ack.reply(event.into_payload().after("whole")))
        .on("ask:all", |socket: &Socket| -> Result<_> { socket.emit_with_ack::<Payload>("question", "all").map(Reply) })
        .on("blob", blob)
        .on("blob:nested", nested)
        .on("sizes", |_: &Socket, bytes: Vec<Binary>| Reply(bytes.iter().map(|one| one.0.len()).collect::<Vec<_>>()))
        .on("linger", |socket: &Socket| -> Result<_> { socket.set_data("linger", &true).map(|()| Reply(true)) })
        .disconnecting(disconnecting)
        .disconnect(disconnect);
    // Numbers as JavaScript prints them: the events of a client whose first argument is a number.
    let numbers = ["0", "1.5", "1e+21", "1e-7", "Infinity"];
    let plugin = numbers.into_iter().fold(plugin, |plugin, name| plugin.on(name, move |_: &Socket| Reply(name)));
    let plugin = guarded_namespace(plugin.namespace("/gate"));
    let Config { secrets, mistaken } = config().unwrap_or_default();
    let plugin = if mistaken { plugin.on("connection", |_: &Socket| {}) } else { plugin };
    if secrets { plugin.capability("handshake:secrets") } else { plugin }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    secrets: bool,
    mistaken: bool,
}

/// Admits clients with the right word in the URL, which is read without a capability.
#[expect(clippy::panic, reason = "the test wants to see what becomes of it")]
fn guarded_namespace(plugin: Plugin) -> Plugin {
    plugin
        .connect_middleware(|socket: &Socket| {
            let handshake = socket.handshake()?;
            match handshake.query("word") {
                Some("open") => socket.set_data("word", "open"),
                Some("break") => panic!("the middleware is broken"),
                Some(word) => Err(Error::new("wrong word").data(&json!({"word": word, "left": 2}))),
                None => Err("no word".into()),
            }
        })
        .on("data:get", |socket: &Socket, key: String| -> Result<_> { Ok(Reply(socket.data::<Value>(&key)?)) })
}

fn rooms(socket: &Socket) -> Result<Reply<Vec<String>>> {
    let mut rooms = socket.rooms()?;
    rooms.sort();
    Ok(Reply(rooms))
}

fn data_set(socket: &Socket, key: String, value: Value) -> Result<Reply<bool>> {
    socket.set_data(&key, &value)?;
    Ok(Reply(true))
}

fn handshake(socket: &Socket) -> Result<Reply<Value>> {
    let handshake = socket.handshake()?;
    Ok(Reply(json!({
        "headers": handshake.headers(),
        "plain": handshake.query("plain"),
        "escaped": handshake.query("esc aped"),
        "auth": handshake.auth_all::<Value>()?,
        "address": handshake.address(),
        "url": handshake.url(),
        "issued": handshake.issued_ms(),
        "secure": handshake.secure(),
        "xdomain": handshake.xdomain(),
    })))
}

/// What was emitted before still arrives.
fn kick(socket: &Socket, close: bool) -> Result<()> {
    socket.emit("bye", ())?;
    socket.disconnect(close)?;
    socket.emit("too late", ())
}

fn ask_me(socket: &Socket, value: Value, timeout_ms: u64) -> Result<Reply<Value>> {
    let answer = socket.timeout(Duration::from_millis(timeout_ms)).emit_with_ack::<Value>("question", value);
    Ok(Reply(match answer {
        Ok(answer) => json!({"answer": answer}),
        Err(error) => json!({"code": error.code_str()}),
    }))
}

fn ask_room(socket: &Socket, room: String, timeout_ms: u64) -> Result<Reply<Value>> {
    let room = socket.nsp().to(room).timeout(Duration::from_millis(timeout_ms));
    let Answers { responses, missing, timed_out, .. } = room.emit_with_ack("question", "all")?;
    let read = responses.into_iter().map(|(socket, payload)| Ok((socket, payload.read::<(Value,)>()?.0)));
    let answers = read.collect::<Result<Vec<(Option<String>, Value)>>>()?;
    Ok(Reply(json!({"answers": answers, "missing": missing, "timedOut": timed_out})))
}

/// Several arguments, in an event and in the ack.
fn several(socket: &Socket, first: Value, second: Value) -> Result<Reply<(Value, Value, u8)>> {
    socket.emit("several", (&second, &first, 3))?;
    Ok(Reply((second, first, 3)))
}

/// All arguments but the first, one by one, in an event and in the ack.
fn spread(socket: &Socket, first: Value, mut rest: Spread<Value>) -> Result<Reply<Spread<Value>>> {
    socket.emit("spread", rest.clone().after(first))?;
    rest.0.reverse();
    Ok(Reply(rest))
}

fn blob(socket: &Socket, bytes: Binary) -> Result<Reply<Binary>> {
    let reversed = Binary(bytes.0.into_iter().rev().collect());
    socket.emit("blob", ("reversed", reversed.clone()))?;
    Ok(Reply(reversed))
}

#[derive(Clone, Serialize, Deserialize)]
struct Nested {
    name: String,
    parts: Vec<Binary>,
    inner: Inner,
}

#[derive(Clone, Serialize, Deserialize)]
struct Inner {
    last: Binary,
}

fn nested(socket: &Socket, nested: Nested) -> Result<Reply<Nested>> {
    socket.emit("blob:nested", nested.clone())?;
    Ok(Reply(nested))
}

fn disconnecting(socket: &Socket, reason: &str) -> Result<()> {
    let mut rooms = socket.rooms()?;
    rooms.retain(|room| room != socket.id());
    rooms.sort();
    log_end("disconnecting", socket, reason, &[("rooms".to_owned(), rooms.join(","))]);
    Ok(())
}

fn disconnect(socket: &Socket, reason: &str) -> Result<()> {
    log_end("disconnect", socket, reason, &[]);
    if socket.data::<bool>("linger")?.unwrap_or(false) {
        sleep(Duration::from_secs(60))?;
    }
    Ok(())
}

/// `disconnect: transport close: <id>` in the log.
fn log_end(what: &str, socket: &Socket, reason: &str, fields: &[(String, String)]) {
    log::write("info", format!("{what}: {reason}: {}", socket.id()), fields);
}

export!(plugin);
