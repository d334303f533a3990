//! One link of a chain: loaded several times under several names. The event has the plan of each of them.

use std::collections::HashMap;

use innkeeper_plugin::{Binary, Error, Event, Plugin, Reply, Result, Socket, config, export};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Config {
    name: String,
}

/// The plan of each link, by its name.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct Plan {
    middleware: HashMap<String, String>,
    handler: HashMap<String, String>,
}

fn plugin() -> Plugin {
    Plugin::new()
        .connect_middleware(|socket| mark(socket, "connect-middleware"))
        .connection(|socket: &Socket| mark(socket, "connection"))
        .middleware(middleware)
        .on("relay", handler)
        .on("rewritten", rewritten)
}

fn name() -> Result<String> {
    Ok(config::<Config>()?.name)
}

/// Leaves a mark in the socket's data, and emits the marks that are there.
fn mark(socket: &Socket, place: &str) -> Result<()> {
    let mut marks: Vec<String> = socket.data("marks")?.unwrap_or_default();
    marks.push(format!("{place}:{}", name()?));
    socket.set_data("marks", &marks)?;
    socket.emit("marks", marks)
}

fn middleware(socket: &Socket, event: &mut Event) -> Result<()> {
    let (plan,): (Option<Plan>,) = event.args()?;
    let Some(mut plan) = plan else { return Ok(()) };
    let Some(what) = plan.middleware.remove(&name()?) else { return Ok(()) };
    mark(socket, "middleware")?;
    match what.as_str() {
        "rewrite" => {
            event.rename("rewritten");
            event.set_args((plan, name()?, Binary(vec![1, 2, 3])))
        }
        "reject" => Err(Error::new(format!("{} says no", name()?)).code("REJECTED")),
        other => broken(other),
    }
}

fn handler(socket: &Socket, plan: Plan) -> Result<Option<Reply<String>>> {
    let what = plan.handler.get(&name()?).map(String::as_str).unwrap_or_default();
    if what == "skip" {
        return Ok(None);
    }
    mark(socket, "handler")?;
    match what {
        "answer" => Ok(Some(Reply(name()?))),
        "error" => Err(Error::new(format!("{} failed", name()?)).code("FAILED")),
        other => broken(other).map(|()| None),
    }
}

fn rewritten(socket: &Socket, _plan: Plan, by: String, bytes: Binary) -> Result<Option<Reply<(String, Binary)>>> {
    mark(socket, "rewritten")?;
    Ok(Some(Reply((by, bytes))))
}

#[allow(clippy::panic, reason = "that is what it is for")]
fn broken(what: &str) -> Result<()> {
    if what == "panic" {
        panic!("a link broke");
    }
    Ok(())
}

export!(plugin);
