//! Takes the steps that a scenario gives it: those of a handler in the argument of the event `do`, those of the connection in `auth`.
//! Loaded under several names it is a chain, in which each plugin takes the steps under its own name.
//!
//! It is built twice: as a `pooled` plugin on the SDK, and with the feature `shared` as a `shared` one, with exports of its own.
//! The steps are the same functions. Only `asking` differs, where a step waits.

#[cfg_attr(feature = "shared", path = "asking/shared.rs")]
#[cfg_attr(not(feature = "shared"), path = "asking/pooled.rs")]
mod asking;
mod run;
#[cfg(feature = "shared")]
mod shared;
mod step;

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use innkeeper_plugin::{Ack, Error, Event, Plugin, Reply, Result, ServerEvent, Socket, Timer, config, timer};
use serde::Deserialize;
use serde_json::Value;

use run::Run;
use step::{Plan, Step};

#[derive(Deserialize)]
struct Config {
    name: String,
    /// The namespaces that the plugin serves by pattern.
    #[serde(default)]
    patterns: Vec<String>,
}

/// The plugin: `first` serves everything, all others `/chain` only; and each its patterns.
pub fn plugin() -> Plugin {
    let is_first = name().is_ok_and(|name| name == "first");
    let plugin = Plugin::new()
        .capability("handshake:secrets")
        .capability("store")
        .capability("rate-limit")
        .timer("a", |timer: &Timer| at_once(run_timer(timer)))
        .timer("b", |timer: &Timer| at_once(run_timer(timer)))
        .namespace("/chain")
        .middleware(|socket: &Socket, event: &mut Event| at_once(middleware(socket, event)));
    let plugin = everywhere(plugin, "/chain");
    let patterns = config::<Config>().map(|config| config.patterns).unwrap_or_default();
    let plugin = patterns.iter().fold(plugin, |plugin, text| everywhere(plugin.namespace_pattern(text), text));
    if !is_first {
        return plugin;
    }
    ["/", "/other"].into_iter().fold(plugin.start(start), |plugin, name| everywhere(plugin.namespace(name), name))
}

/// On `/other` the events do not wait for `connection`.
fn everywhere(plugin: Plugin, registered: &str) -> Plugin {
    let name = registered.to_owned();
    let connection = |socket: &Socket| at_once(connection(socket));
    let plugin = if registered == "/other" { plugin.connection_overtakable(connection) } else { plugin.connection(connection) };
    plugin
        .connect_middleware(|socket: &Socket| at_once(connect_middleware(socket)))
        .on("do", |socket: &Socket, plans, ack| at_once(handler(socket, plans, ack)))
        .on_overtakable("do anytime", |socket: &Socket, plans, ack| at_once(handler(socket, plans, ack)))
        .on("registered", move |_: &Socket| Reply(name.clone()))
        .on_server_event("do", |event: &ServerEvent| at_once(server_event(event)))
        .disconnecting(|socket: &Socket, reason: &str| at_once(disconnecting(socket, reason)))
        .disconnect(|socket: &Socket, reason: &str| at_once(disconnect(socket, reason)))
}

/// A function of a `pooled` plugin, whose questions wait themselves. (In a `shared` one, the host calls none of those that are
/// registered here, but the exports of `shared`.)
fn at_once<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Error::new("a question of a pooled plugin did not wait")),
    }
}

fn name() -> Result<String> {
    Ok(config::<Config>()?.name)
}

fn start() -> Result<()> {
    let steps = vec![Step::In(vec!["early".to_owned()], None, "began".to_owned(), Value::Null)];
    timer("a").after(Duration::from_secs(1)).data(&steps)?.set()
}

/// The steps in `auth`.
fn planned(socket: &Socket) -> Result<Plan> {
    Ok(socket.handshake()?.auth::<Plan>(&name()?)?.unwrap_or_default())
}

async fn connect_middleware(socket: &Socket) -> Result<()> {
    Run::of(socket).all(planned(socket)?.middleware).await
}

async fn connection(socket: &Socket) -> Result<()> {
    Run::of(socket).all(planned(socket)?.connection).await
}

async fn disconnecting(socket: &Socket, reason: &str) -> Result<()> {
    Run::at_the_end(socket, reason).all(planned(socket)?.disconnecting).await
}

async fn disconnect(socket: &Socket, reason: &str) -> Result<()> {
    Run::at_the_end(socket, reason).all(planned(socket)?.disconnect).await
}

async fn middleware(socket: &Socket, event: &mut Event) -> Result<()> {
    let (mut plans,): (BTreeMap<String, Plan>,) = event.args()?;
    let plan = plans.remove(&name()?).unwrap_or_default();
    let mut run = Run::of(socket);
    run.all(plan.middleware).await?;
    run.into_rewritten().map_or(Ok(()), |args| event.set_args(args))
}

async fn handler(socket: &Socket, mut plans: BTreeMap<String, Plan>, ack: Ack) -> Result<Option<Reply<Vec<Value>>>> {
    let plan = plans.remove(&name()?).unwrap_or_default();
    let mut run = Run::of_event(socket, ack);
    run.all(plan.handler).await?;
    Ok(run.into_answer().map(Reply))
}

async fn server_event(event: &ServerEvent) -> Result<Option<Reply<Vec<Value>>>> {
    let (mut plans,): (BTreeMap<String, Plan>,) = event.args()?;
    let plan = plans.remove(&name()?).unwrap_or_default();
    let mut run = Run::default();
    run.all(plan.server).await?;
    Ok(run.into_answer().map(Reply))
}

async fn run_timer(timer: &Timer) -> Result<()> {
    Run::of_timer(timer).all(timer.data()?).await
}

#[cfg(not(feature = "shared"))]
innkeeper_plugin::export!(plugin);

/// Compiles the plugin in the project's README. The SDK cannot: a published crate reads no file outside of its own folder.
#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;
