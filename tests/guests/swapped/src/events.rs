//! What the plugin does. Whatever it answers or emits has its name or its version in it.

use std::time::Duration;

use innkeeper_plugin::{Ack, Binary, Error, Event, Payload, Reply, Result, Socket, Timer, TimerSetting};
use serde_json::{Value, json};

use crate::asking;
use crate::mark::{compute, plan, trap, version};
use crate::memory;
use crate::name;

/// The events of the plugin, each behind its name: `pooled:version`.
pub(crate) const EVENTS: [&str; 16] = [
    "version", "work", "late", "echo", "data", "count", "ask", "nap", "timer", "keep", "give", "join", "say", "hit", "memory",
    "interval",
];

/// Which plugins an event passed, each with its version.
type Passed = Vec<(String, u32)>;

/// Registers the socket, but first asks the store, as an author's code may.
pub(crate) async fn connection(socket: &Socket, kind: &str) -> Result<()> {
    let name = name()?;
    let count = asking::increment(&format!("connections:{name}")).await?;
    memory::with(|memory| memory.met.entry(socket.id().to_owned()).or_default().push(kind.to_owned()));
    socket.set_data(&format!("{name}:connected"), &version())?;
    socket.emit("welcome", (name, version(), kind, count))?;
    match plan()?.nap {
        0 => Ok(()),
        milliseconds => asking::sleep(Duration::from_millis(milliseconds)).await,
    }
}

pub(crate) fn disconnect(socket: &Socket) -> Result<()> {
    memory::with(|memory| memory.met.remove(socket.id()));
    innkeeper_plugin::of("/").to(crate::WATCHERS).emit("left", (name()?, version(), socket.id()))
}

/// Adds its version to each `work` event, and to each `late` one, at which the plugin waits that it names.
pub(crate) async fn middleware(event: &mut Event) -> Result<()> {
    let own = (name()?, version());
    if event.name().ends_with(":work") {
        let (number, bytes, mut passed): (u32, Binary, Passed) = event.payload().clone().read()?;
        passed.push(own);
        event.set_args((number, bytes, passed))?;
    } else if event.name().ends_with(":late") {
        let (waits, milliseconds, mut passed): (String, u64, Passed) = event.payload().clone().read()?;
        if waits == own.0 {
            asking::sleep(Duration::from_millis(milliseconds)).await?;
        }
        passed.push(own);
        event.set_args((waits, milliseconds, passed))?;
    }
    Ok(())
}

/// A timer of a socket.
pub(crate) async fn run_timer(timer: &Timer) -> Result<()> {
    let socket = timer.socket().ok_or_else(|| Error::new("there is no socket here"))?;
    let (number, set_by): (u32, u32) = timer.data()?;
    socket.emit("timed", (name()?, version(), number, set_by))
}

/// An event: the part of its name behind the plugin's says which.
pub(crate) async fn handle(socket: &Socket, event: Event) -> Result<Option<Reply<Payload>>> {
    let what = event.name().split(':').nth(1).unwrap_or_default().to_owned();
    let answer = match &*what {
        "work" => return work(socket, event),
        "echo" => return Ok(Some(Reply(event.into_payload()))),
        "keep" => {
            socket.set_data("ack", &event.ack().token())?;
            return Ok(None);
        }
        "give" => {
            let token = socket.data::<String>("ack")?.unwrap_or_default();
            Ack::from_token(&token)?.reply(version())?;
            json!(version())
        }
        "version" => json!(version()),
        "late" => {
            let (_, _, mut passed): (String, u64, Passed) = event.into_payload().read()?;
            passed.push((name()?, version()));
            json!(passed)
        }
        "data" => json!([version(), add_one(socket)?]),
        "count" => json!([version(), asking::increment(&format!("count:{}", name()?)).await?]),
        "ask" => {
            let before = version();
            let answer = asking::ask(socket, "question", before).await?;
            json!([before, answer, version()])
        }
        "nap" => {
            let (milliseconds,): (u64,) = event.payload().clone().read()?;
            let before = version();
            asking::sleep(Duration::from_millis(milliseconds)).await?;
            json!([before, version()])
        }
        "timer" => json!(set_timer(socket, event)?),
        "join" => {
            let (room,): (String,) = event.payload().clone().read()?;
            socket.join(room)?;
            json!(version())
        }
        "say" => {
            let (room, text): (String, Value) = event.payload().clone().read()?;
            socket.nsp().to(room).emit("said", (name()?, version(), text))?;
            json!(version())
        }
        "hit" => memory::with(|memory| {
            memory.hits += 1;
            json!([version(), memory.hits])
        }),
        "memory" => memory::with(|memory| json!({"version": version(), "memory": memory, "kinds": memory.met.get(socket.id())})),
        "interval" => {
            asking::tick(socket.clone());
            json!(version())
        }
        // The plan's own.
        _ => json!([what, version()]),
    };
    Ok(Some(Reply(innkeeper_plugin::Args::into_payload((answer,))?)))
}

/// What most of the traffic is: numbered, with bytes, told beside the ack.
fn work(socket: &Socket, event: Event) -> Result<Option<Reply<Payload>>> {
    let (number, bytes, mut passed): (u32, Binary, Passed) = event.into_payload().read()?;
    let works = memory::with(|memory| {
        memory.works += 1;
        memory.works
    });
    let plan = plan()?;
    if asking::IS_SHARED && !memory::with(|memory| memory.met.contains_key(socket.id())) {
        return Err(Error::new("this instance has not met the socket").code("STRANGER"));
    }
    if plan.trap > 0 && works % plan.trap == 0 {
        trap();
    }
    if plan.refuse > 0 && works % plan.refuse == 0 {
        return Err(Error::new("refused as planned").code("PLANNED"));
    }
    compute(plan.slow);
    passed.push((name()?, version()));
    socket.emit("worked", (name()?, number, version(), bytes.clone()))?;
    Ok(Some(Reply(innkeeper_plugin::Args::into_payload((number, bytes, passed))?)))
}

/// One more of what the socket's data counts.
fn add_one(socket: &Socket) -> Result<u32> {
    let key = format!("{}:count", name()?);
    let count = socket.data::<u32>(&key)?.unwrap_or_default() + 1;
    socket.set_data(&key, &count)?;
    Ok(count)
}

/// A timer that tells its number and who set it.
fn set_timer(socket: &Socket, event: Event) -> Result<u32> {
    let (number, milliseconds): (u32, u64) = event.into_payload().read()?;
    let timer: TimerSetting = socket.timer("once").key(number.to_string());
    timer.after(Duration::from_millis(milliseconds)).data(&(number, version()))?.set()?;
    Ok(version())
}
