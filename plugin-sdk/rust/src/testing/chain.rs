//! What a job does: one call after the other, through the plugins of a namespace.

use super::call::{Call, CallOutcome, Export, Failure};
use super::host_state::{ConnectPhase, HostState, SocketIndex, SocketState};
use super::plugin::{Hook, LoadedPlugin};
use super::queue::IncomingEvent;
use super::scheduler::{JobHandle, JobStart};
use super::write::Write;
use super::{ConnectError, call};
use crate::payload::Payload;
use serde_json::{Map, Value};
use std::rc::Rc;
use std::sync::Arc;

/// `socket.disconnect` has no word for a socket that was never let in: nobody is ever told this one.
const REFUSED: &str = "refused";

/// Runs a job to its end.
pub(super) fn run(handle: JobHandle, start: JobStart) {
    let handle = &Rc::new(handle);
    match start {
        JobStart::Connect { socket } => Chain::new(handle, socket).connect(),
        JobStart::Event { socket, event } => Chain::new(handle, socket).event(event),
        JobStart::Leave { socket, reason } => Chain::new(handle, socket).leave(&reason),
        JobStart::Timer { plugin, socket, due } => alone(handle, plugin, socket, Export::Timer(due)),
        JobStart::Plugin { plugin } => alone(handle, plugin, None, Export::JobStart),
    }
}

/// A call that is no chain. Its failure concerns nobody but the log, which has it.
fn alone(handle: &Rc<JobHandle>, plugin: usize, socket: Option<SocketIndex>, entry: Export) {
    let plugin = handle.shared.state().plugins[plugin].clone();
    call::run(handle, &plugin, Call { entry, socket, connecting: None });
}

struct Chain<'a> {
    handle: &'a Rc<JobHandle>,
    socket: SocketIndex,
    plugins: Vec<Arc<LoadedPlugin>>,
    namespace: String,
}

impl<'a> Chain<'a> {
    fn new(handle: &'a Rc<JobHandle>, socket: SocketIndex) -> Self {
        let state = handle.shared.state();
        let namespace = state.sockets[socket].namespace.clone();
        let plugins = state.chain(&namespace);
        drop(state);
        Self { handle, socket, plugins, namespace }
    }

    fn with(&self, hook: Hook) -> impl Iterator<Item = &Arc<LoadedPlugin>> {
        self.plugins.iter().filter(move |plugin| plugin.has(&self.namespace, hook))
    }

    fn call(&self, plugin: &Arc<LoadedPlugin>, entry: Export, connecting: bool) -> CallOutcome {
        let call = Call { entry, socket: Some(self.socket), connecting: connecting.then_some(self.socket) };
        call::run(self.handle, plugin, call)
    }

    fn connect(&self) {
        for plugin in self.with(Hook::ConnectMiddleware) {
            match self.call(plugin, Export::ConnectMiddleware, true) {
                CallOutcome::Done | CallOutcome::Rewritten { .. } => {}
                CallOutcome::Rejected(failure) => return self.refuse(failure),
                CallOutcome::Failed(_) => return self.refuse(Failure::neutral()),
            }
        }
        {
            let mut state = self.handle.shared.state();
            let connecting = &mut state.sockets[self.socket].connecting;
            if let ConnectPhase::Middleware(held) = connecting {
                *connecting = ConnectPhase::Connection(std::mem::take(held));
            }
        }
        for plugin in &self.plugins {
            {
                let mut state = self.handle.shared.state();
                if state.sockets[self.socket].life == SocketState::Left {
                    break;
                }
                state.sockets[self.socket].queue.reached.push(plugin.index);
            }
            if !plugin.has(&self.namespace, Hook::Connection) {
                continue;
            }
            if let CallOutcome::Failed(failure) | CallOutcome::Rejected(failure) = self.call(plugin, Export::Connection, true) {
                let told = error_event(self.socket, &failure);
                self.handle.shared.state().send(Some(self.socket), vec![told]);
            }
        }
        self.handle.shared.state().open(self.socket);
    }

    fn refuse(&self, failure: Failure) {
        let mut state = self.handle.shared.state();
        let data = failure.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
        state.sockets[self.socket].refused = Some(ConnectError { message: failure.message, data });
        state.disconnect(self.socket, REFUSED);
    }

    fn event(&self, event: IncomingEvent) {
        let ack = event.ack;
        let failed = match self.middleware(event) {
            Ok(event) => self.handlers(&event),
            Err(failure) => Some(failure),
        };
        if let Some(failure) = failed {
            let mut state = self.handle.shared.state();
            let answer = answer(&state, self.socket, ack, &failure);
            state.apply(answer.into_iter().collect());
        }
    }

    fn middleware(&self, mut event: IncomingEvent) -> Result<IncomingEvent, Failure> {
        for plugin in self.with(Hook::EventMiddleware) {
            match self.call(plugin, Export::EventMiddleware(event.clone()), false) {
                CallOutcome::Done => {}
                CallOutcome::Rewritten { name, payload } => event = IncomingEvent { name, payload, ack: event.ack },
                CallOutcome::Rejected(failure) | CallOutcome::Failed(failure) => return Err(failure),
            }
        }
        Ok(event)
    }

    /// Runs every handler, whatever becomes of the others. The first failure is the one that is told.
    fn handlers(&self, event: &IncomingEvent) -> Option<Failure> {
        let mut failed = None;
        for plugin in self.plugins.iter().filter(|plugin| plugin.handles(&self.namespace, &event.name)) {
            if let CallOutcome::Rejected(failure) | CallOutcome::Failed(failure) =
                self.call(plugin, Export::Event(event.clone()), false)
            {
                failed = failed.or(Some(failure));
            }
        }
        failed
    }

    fn leave(&self, reason: &str) {
        let reached = std::mem::take(&mut self.handle.shared.state().sockets[self.socket].queue.reached);
        for hook in [Hook::Disconnecting, Hook::Disconnect] {
            for plugin in self.with(hook).filter(|plugin| reached.contains(&plugin.index)) {
                let reason = reason.to_owned();
                let entry = match hook {
                    Hook::Disconnecting => Export::Disconnecting(reason),
                    _ => Export::Disconnect(reason),
                };
                self.call(plugin, entry, false);
            }
        }
    }
}

/// What the client is told of a failed event: its ack, if it asked for one, else the event `error`. Nothing, if somebody has
/// answered already.
fn answer(state: &HostState, socket: SocketIndex, ack: Option<u64>, failure: &Failure) -> Option<Write> {
    let Some(ack) = ack else { return Some(error_event(socket, failure)) };
    if !state.sockets[socket].open_acks.contains(&ack) {
        return None;
    }
    let fields = [("success", Value::Bool(false)), ("error", Value::from(&*failure.message)), ("code", failure.code())];
    Some(Write::Ack { socket, ack, payload: with_data(fields, failure) })
}

/// The event `error`.
fn error_event(socket: SocketIndex, failure: &Failure) -> Write {
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
