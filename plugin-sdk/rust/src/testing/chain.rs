//! What a job does: one call after the other, through the plugins of a namespace.

use super::call::{Call, Ended, Entry, Failure};
use super::plugin::{Hook, Loaded};
use super::queue::Incoming;
use super::schedule::{Handle, Start};
use super::world::{Life, Number, Opening, World};
use super::write::Write;
use super::{ConnectError, call};
use crate::payload::Payload;
use serde_json::{Map, Value};
use std::rc::Rc;
use std::sync::Arc;

/// `socket.disconnect` has no word for a socket that was never let in: nobody is ever told this one.
const REFUSED: &str = "refused";

/// Runs a job to its end.
pub(super) fn run(handle: Handle, start: Start) {
    let handle = &Rc::new(handle);
    match start {
        Start::Connect { socket } => Chain::new(handle, socket).connect(),
        Start::Event { socket, event } => Chain::new(handle, socket).event(event),
        Start::Leave { socket, reason } => Chain::new(handle, socket).leave(&reason),
        Start::Timer { plugin, socket, due } => alone(handle, plugin, socket, Entry::Timer(due)),
        Start::Plugin { plugin } => alone(handle, plugin, None, Entry::Start),
    }
}

/// A call that is no chain. Its failure concerns nobody but the log, which has it.
fn alone(handle: &Rc<Handle>, plugin: usize, socket: Option<Number>, entry: Entry) {
    let plugin = handle.shared.world().plugins[plugin].clone();
    call::run(handle, &plugin, Call { entry, socket, opening: None });
}

struct Chain<'a> {
    handle: &'a Rc<Handle>,
    socket: Number,
    plugins: Vec<Arc<Loaded>>,
    namespace: String,
}

impl<'a> Chain<'a> {
    fn new(handle: &'a Rc<Handle>, socket: Number) -> Self {
        let world = handle.shared.world();
        let namespace = world.sockets[socket].namespace.clone();
        let plugins = world.chain(&namespace);
        drop(world);
        Self { handle, socket, plugins, namespace }
    }

    fn with(&self, hook: Hook) -> impl Iterator<Item = &Arc<Loaded>> {
        self.plugins.iter().filter(move |plugin| plugin.has(&self.namespace, hook))
    }

    fn call(&self, plugin: &Arc<Loaded>, entry: Entry, opening: bool) -> Ended {
        let call = Call { entry, socket: Some(self.socket), opening: opening.then_some(self.socket) };
        call::run(self.handle, plugin, call)
    }

    fn connect(&self) {
        for plugin in self.with(Hook::ConnectMiddleware) {
            match self.call(plugin, Entry::ConnectMiddleware, true) {
                Ended::Done | Ended::Rewritten { .. } => {}
                Ended::Rejected(failure) => return self.refuse(failure),
                Ended::Failed(_) => return self.refuse(Failure::neutral()),
            }
        }
        {
            let mut world = self.handle.shared.world();
            let opening = &mut world.sockets[self.socket].opening;
            if let Opening::Middleware(held) = opening {
                *opening = Opening::Connection(std::mem::take(held));
            }
        }
        for plugin in &self.plugins {
            {
                let mut world = self.handle.shared.world();
                if world.sockets[self.socket].life == Life::Left {
                    break;
                }
                world.sockets[self.socket].queue.reached.push(plugin.index);
            }
            if !plugin.has(&self.namespace, Hook::Connection) {
                continue;
            }
            if let Ended::Failed(failure) | Ended::Rejected(failure) = self.call(plugin, Entry::Connection, true) {
                let told = error_event(self.socket, &failure);
                self.handle.shared.world().send(Some(self.socket), vec![told]);
            }
        }
        self.handle.shared.world().open(self.socket);
    }

    fn refuse(&self, failure: Failure) {
        let mut world = self.handle.shared.world();
        let data = failure.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
        world.sockets[self.socket].refused = Some(ConnectError { message: failure.message, data });
        world.depart(self.socket, REFUSED);
    }

    fn event(&self, event: Incoming) {
        let ack = event.ack;
        let failed = match self.middleware(event) {
            Ok(event) => self.handlers(&event),
            Err(failure) => Some(failure),
        };
        if let Some(failure) = failed {
            let mut world = self.handle.shared.world();
            let answer = answer(&world, self.socket, ack, &failure);
            world.apply(answer.into_iter().collect());
        }
    }

    fn middleware(&self, mut event: Incoming) -> Result<Incoming, Failure> {
        for plugin in self.with(Hook::EventMiddleware) {
            match self.call(plugin, Entry::EventMiddleware(event.clone()), false) {
                Ended::Done => {}
                Ended::Rewritten { name, payload } => event = Incoming { name, payload, ack: event.ack },
                Ended::Rejected(failure) | Ended::Failed(failure) => return Err(failure),
            }
        }
        Ok(event)
    }

    /// Runs every handler, whatever becomes of the others. The first failure is the one that is told.
    fn handlers(&self, event: &Incoming) -> Option<Failure> {
        let mut failed = None;
        for plugin in self.plugins.iter().filter(|plugin| plugin.handles(&self.namespace, &event.name)) {
            if let Ended::Rejected(failure) | Ended::Failed(failure) = self.call(plugin, Entry::Event(event.clone()), false) {
                failed = failed.or(Some(failure));
            }
        }
        failed
    }

    fn leave(&self, reason: &str) {
        let reached = std::mem::take(&mut self.handle.shared.world().sockets[self.socket].queue.reached);
        for hook in [Hook::Disconnecting, Hook::Disconnect] {
            for plugin in self.with(hook).filter(|plugin| reached.contains(&plugin.index)) {
                let reason = reason.to_owned();
                let entry = match hook {
                    Hook::Disconnecting => Entry::Disconnecting(reason),
                    _ => Entry::Disconnect(reason),
                };
                self.call(plugin, entry, false);
            }
        }
    }
}

/// What the client is told of a failed event: its ack, if it asked for one, else the event `error`. Nothing, if somebody has
/// answered already.
fn answer(world: &World, socket: Number, ack: Option<u64>, failure: &Failure) -> Option<Write> {
    let Some(ack) = ack else { return Some(error_event(socket, failure)) };
    if !world.sockets[socket].open_acks.contains(&ack) {
        return None;
    }
    let fields = [("success", Value::Bool(false)), ("error", Value::from(&*failure.message)), ("code", failure.code())];
    Some(Write::Ack { socket, ack, payload: with_data(fields, failure) })
}

/// The event `error`.
fn error_event(socket: Number, failure: &Failure) -> Write {
    let fields = [("code", failure.code()), ("message", Value::from(&*failure.message))];
    Write::Emit { socket, name: "error".to_owned(), payload: with_data(fields, failure) }
}

/// The fields, and beside them those of the failure's data that do not overwrite one.
fn with_data<const N: usize>(fields: [(&str, Value); N], failure: &Failure) -> Payload {
    let data = failure.data.as_deref().map(serde_json::from_str::<Map<String, Value>>);
    let mut object = data.and_then(Result::ok).unwrap_or_default();
    object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    Payload { args: format!("[{}]", Value::Object(object)), attachments: Vec::new() }
}
