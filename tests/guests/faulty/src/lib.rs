//! Fails in every possible way, in every export. Its writes before the failure show whether they were dropped or kept.

use std::hint::black_box;
use std::time::Duration;

use innkeeper_plugin::{Ack, Error, Event, Plugin, Reply, Result, Socket, export, flush, of, sleep};
use serde_json::{Value, json};

/// The ways to fail. Each has a namespace for each export that can fail so.
const WAYS: [&str; 7] = ["error", "host", "library", "panic", "loop", "sleep", "memory"];

fn plugin() -> Plugin {
    let plugin = Plugin::new()
        .on("fail", fail)
        .on("fail-late", fail_late)
        .on("fail-answered", fail_answered)
        .on("fail-keeping", fail_keeping)
        .on("answer-kept", answer_kept)
        .on("nap", nap)
        .on("state", state)
        .namespace("/guard")
        .middleware(middleware)
        .on("state", state)
        .on("guarded", guarded);
    let plugin = WAYS.into_iter().fold(plugin, with_failing_middleware);
    WAYS.into_iter().fold(plugin, with_failing_lifecycle)
}

/// `/connect-…`: connect middleware fails.
fn with_failing_middleware(plugin: Plugin, way: &'static str) -> Plugin {
    plugin.namespace(format!("/connect-{way}")).connect_middleware(move |socket| {
        of("/").emit("attempt", way)?;
        socket.emit("not sent", ())?;
        fail_by(way)
    })
}

/// `/socket-…`: `connection`, `disconnecting` and `disconnect` fail.
fn with_failing_lifecycle(plugin: Plugin, way: &'static str) -> Plugin {
    plugin
        .namespace(format!("/socket-{way}"))
        .connection(move |socket: &Socket| {
            socket.emit("dropped", "connection")?;
            fail_by(way)
        })
        .disconnecting(move |_: &Socket| {
            of("/").emit("dropped", "disconnecting")?;
            fail_by(way)
        })
        .disconnect(move |_: &Socket| {
            of("/").emit("dropped", "disconnect")?;
            fail_by(way)
        })
        .on("state", state)
}

fn fail(socket: &Socket, way: String) -> Result<Reply<&'static str>> {
    write(socket)?;
    fail_by(&way)?;
    Ok(Reply("well"))
}

/// Writes that were sent before a failure stay.
fn fail_late(socket: &Socket, way: String) -> Result<()> {
    socket.emit("kept", ())?;
    flush();
    write(socket)?;
    fail_by(&way)
}

/// An ack is a write like any other: the failure drops it.
fn fail_answered(_socket: &Socket, way: String, ack: Ack) -> Result<()> {
    ack.reply("taken back")?;
    fail_by(&way)
}

fn fail_keeping(socket: &Socket, way: String, ack: Ack) -> Result<()> {
    socket.set_data("ack", &ack.token())?;
    flush();
    fail_by(&way)
}

fn answer_kept(socket: &Socket) -> Result<Reply<bool>> {
    let token: String = socket.data("ack")?.unwrap_or_default();
    Ack::from_token(&token)?.reply("too late")?;
    Ok(Reply(true))
}

fn nap(_socket: &Socket, milliseconds: u64) -> Result<Reply<bool>> {
    sleep(Duration::from_millis(milliseconds))?;
    Ok(Reply(true))
}

fn middleware(socket: &Socket, event: &mut Event) -> Result<()> {
    if event.name() != "guarded" {
        return Ok(());
    }
    let (way,): (String,) = event.args()?;
    write(socket)?;
    fail_by(&way)
}

fn guarded(socket: &Socket, _way: String) -> Result<Reply<bool>> {
    socket.emit("handler ran", ())?;
    Ok(Reply(true))
}

/// One write of each kind that concerns the socket alone.
fn write(socket: &Socket) -> Result<()> {
    socket.emit("written", ())?;
    socket.join("written")?;
    socket.set_data("written", &true)
}

/// Which of the writes of `write` have been applied.
fn state(socket: &Socket) -> Result<Reply<Value>> {
    let data = socket.data::<bool>("written")?.unwrap_or(false);
    let joined = socket.rooms()?.iter().any(|room| room == "written");
    Ok(Reply(json!({"data": data, "joined": joined})))
}

#[allow(clippy::panic, reason = "that is what it is for")]
fn fail_by(way: &str) -> Result<()> {
    match way {
        "error" => {
            let data = json!({"success": true, "error": "mine", "code": "MINE", "message": "mine", "seat": 41});
            Err(Error::new("no such seat").code("NOT_FOUND").data(&data))
        }
        "words" => Err("only words".into()),
        "library" => Ok("x".parse::<u8>().map(drop)?),
        "silence" => Err(Error::silent("not for the client")),
        "list" => Err(Error::new("data is a list").data(&[1, 2, 3])),
        "host" => of("/").emit("connect", "a name that is reserved"),
        "panic" => panic!("a detail of the plugin"),
        "loop" => loop {
            black_box(());
        },
        "sleep" => sleep(Duration::from_secs(3_600)),
        "naps" => loop {
            sleep(Duration::ZERO)?;
        },
        "memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(black_box(vec![1; 1 << 20]));
            }
        }
        _ => Ok(()),
    }
}

export!(plugin);
