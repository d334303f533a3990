//! Tells which version of it answers, in all that it does. A test makes any number of versions of the component without a compiler: it
//! writes over the two constants of `mark`, the version's number and a plan, in the bytes of the file.
//!
//! It is built twice: as a `pooled` plugin on the SDK, and with the feature `shared` as a `shared` one, with exports of its own.
//! The events are the same functions. Only `asking` differs, where an event waits.

#[cfg_attr(feature = "shared", path = "asking/shared.rs")]
#[cfg_attr(not(feature = "shared"), path = "asking/pooled.rs")]
mod asking;
mod events;
mod mark;
mod memory;
#[cfg(feature = "shared")]
mod shared;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use innkeeper_plugin::{Error, Event, Plugin, Result, Socket, Timer, config, of, timer};
use serde::Deserialize;

use events::{EVENTS, connection, disconnect, handle, middleware, run_timer};

/// Sockets that want to hear what the plugin does by itself.
const WATCHERS: &str = "watchers";

#[derive(Deserialize)]
struct Config {
    /// Of the plugin: what its events begin with, so that two of them are a chain.
    name: String,
}

/// The plugin: the same events on each of its namespaces.
pub fn plugin() -> Result<Plugin> {
    let plan = mark::plan()?;
    plan.register.follow()?;
    let plugin = Plugin::new()
        .capability("store")
        .start(|| start("unknown"))
        .timer("once", |timer: &Timer| at_once(run_timer(timer)))
        .timer("beat", |_: &Timer| beat());
    let plugin = plan.capability.into_iter().fold(plugin, Plugin::capability);
    let main = (!plan.without_main).then(|| "/".to_owned());
    let side = (!plan.without_side).then(|| "/side".to_owned());
    let namespaces = [main, side, plan.namespace];
    let name = name()?;
    Ok(namespaces.into_iter().flatten().fold(plugin, |plugin, namespace| {
        let plugin = plugin
            .namespace(namespace)
            .connection(|socket: &Socket, kind: &str| at_once(connection(socket, kind)))
            .disconnect(|socket: &Socket| disconnect(socket));
        let plugin = if plan.no_middleware {
            plugin
        } else {
            plugin.middleware(|_: &Socket, event: &mut Event| at_once(middleware(event)))
        };
        EVENTS.iter().copied().chain(plan.event.as_deref()).fold(plugin, |plugin, event| {
            plugin.on(format!("{name}:{event}"), |socket: &Socket, event: Event| at_once(handle(socket, event)))
        })
    }))
}

/// The functions of a `pooled` plugin wait themselves where they ask. (In a `shared` one, the host calls none of those that are
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

/// `kind`: what the host says of a start; the SDK does not tell it.
fn start(kind: &str) -> Result<()> {
    memory::with(|memory| memory.started.push(kind.to_owned()));
    mark::plan()?.start.follow()?;
    of("/").to(WATCHERS).emit("started", (name()?, mark::version(), kind))?;
    timer("beat").after(Duration::from_millis(50)).every(Duration::from_millis(50)).keep().set()
}

/// Once in a while, without a socket.
fn beat() -> Result<()> {
    of("/").to(WATCHERS).emit("beat", (name()?, mark::version()))
}

#[cfg(not(feature = "shared"))]
innkeeper_plugin::export!(plugin);
