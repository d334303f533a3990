//! Asks clients for acks, in every handler where that is possible, and reports the answers.

use std::time::Duration;

use innkeeper_plugin::{Ack, Plugin, Reply, Result, Socket, export, of, sleep};
use serde_json::{Value, json};

fn plugin() -> Plugin {
    Plugin::new()
        .on("ask", ask)
        .on("ask-within", ask_within)
        .on("ask-room", ask_room)
        .on("ask-and-break", ask_and_break)
        .on("vigil", vigil)
        .on("note", note)
        .on("join", join)
        .on("keep", keep)
        .on("give", give)
        .on("twice", twice)
        .on_overtakable("nap", |_: &Socket, milliseconds: u64| -> Result<_> {
            sleep(Duration::from_millis(milliseconds))?;
            Ok(Reply("awake"))
        })
        .on("hello", |_: &Socket| Reply("hello"))
        .disconnect(announce_disconnect)
        .namespace("/porter")
        .connect_middleware(ask_too_early)
        .connection(|socket: &Socket| socket.emit("refused", socket.data::<String>("code")?))
        .namespace("/greeter")
        .connection(greet)
        .on("name", |socket: &Socket| -> Result<_> { Ok(Reply(socket.data::<String>("name")?)) })
}

fn ask(socket: &Socket, question: String) -> Result<Reply<String>> {
    socket.emit_with_ack("question", question).map(Reply)
}

/// The answer, or the code of the failure.
fn ask_within(socket: &Socket, milliseconds: u64) -> Result<Reply<String>> {
    let answer = socket.timeout(Duration::from_millis(milliseconds)).emit_with_ack("question", "quick");
    Ok(Reply(answer.unwrap_or_else(|error| error.code_str().to_owned())))
}

fn ask_room(socket: &Socket, room: String, milliseconds: u64) -> Result<Reply<Value>> {
    let room = socket.nsp().to(room).timeout(Duration::from_millis(milliseconds));
    let answers = room.emit_with_ack("question", "all")?;
    let read = |(id, payload): (Option<String>, innkeeper_plugin::Payload)| Ok((id, payload.read::<(Value,)>()?.0));
    let responses = answers.responses.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Reply(json!({"responses": responses, "missing": answers.missing, "timedOut": answers.timed_out})))
}

#[allow(clippy::panic, reason = "that is what it is for")]
fn ask_and_break(socket: &Socket) -> Result<()> {
    socket.emit("before", ())?;
    let answer: String = socket.emit_with_ack("question", "the last")?;
    socket.emit("after", answer)?;
    panic!("broken after a question");
}

/// Waits for an answer as long as it takes, and emits to the room `watchers` how that ended.
fn vigil(socket: &Socket) -> Result<()> {
    let answer = socket.emit_with_ack::<String>("question", "vigil");
    let ended = answer.unwrap_or_else(|error| error.code_str().to_owned());
    socket.nsp().to("watchers").emit("vigil ended", (socket.id(), ended))
}

fn note(socket: &Socket, text: String) -> Result<Reply<String>> {
    socket.emit("noted", &text)?;
    Ok(Reply(text))
}

fn join(socket: &Socket, room: String) -> Result<Reply<bool>> {
    socket.join(room)?;
    Ok(Reply(true))
}

fn keep(socket: &Socket, ack: Ack) -> Result<()> {
    socket.set_data("kept", &ack.token())
}

fn give(socket: &Socket, text: String) -> Result<Reply<bool>> {
    let token: String = socket.data("kept")?.unwrap_or_default();
    Ack::from_token(&token)?.reply(text)?;
    Ok(Reply(true))
}

fn twice(_socket: &Socket, ack: Ack) -> Result<Reply<u8>> {
    ack.reply(1)?;
    ack.reply(2)?;
    Ok(Reply(3))
}

fn announce_disconnect(socket: &Socket, reason: &str) -> Result<()> {
    of("/").to("watchers").emit("left", (socket.id(), reason))
}

fn ask_too_early(socket: &Socket) -> Result<()> {
    let code = socket.emit_with_ack::<String>("question", "early").err().map(|error| error.code_str().to_owned());
    socket.set_data("code", &code)
}

fn greet(socket: &Socket) -> Result<()> {
    socket.emit("first", ())?;
    let name: String = socket.emit_with_ack("who?", ())?;
    socket.set_data("name", &name)?;
    socket.emit("hello", name)
}

export!(plugin);
