//! What a job does: one call after the other, through the plugins of a namespace.

use super::call::{self, Call, CallOutcome, Export};
use super::connect_error::ConnectError;
use super::failure::Failure;
use super::ids::SocketIndex;
use super::job::JobStart;
use super::loaded_plugin::{Hook, LoadedPlugin};
use super::node_state::IncomingServerEvent;
use super::queue::IncomingEvent;
use super::room_set::RoomSet;
use super::scheduler::JobHandle;
use super::server_socket::{ConnectPhase, SocketState};
use crate::disconnect::Disconnect;
use std::rc::Rc;
use std::sync::Arc;

/// The reason of a socket that was refused. No handler gets it, since `disconnect` is not called for a socket that was never in its namespace.
const REFUSED: &str = "refused";

/// Runs a job to its end.
pub(super) fn run(job: JobHandle, start: JobStart) {
    let job = &Rc::new(job);
    match start {
        JobStart::Connect { socket } => Chain::new(job, socket).connect(),
        JobStart::Event { socket, event } => Chain::new(job, socket).event(event),
        JobStart::Disconnect { socket, reason } => Chain::new(job, socket).disconnect(reason),
        JobStart::Timer { plugin, socket, due } => single(job, plugin, socket, Export::Timer(due)),
        JobStart::Plugin { plugin } => single(job, plugin, None, Export::Start),
        JobStart::ServerEvent { plugin, event } => server_event(job, plugin, event),
    }
}

/// A call that is no chain. Its failure is logged, and changes nothing else.
fn single(job: &Rc<JobHandle>, plugin: usize, socket: Option<SocketIndex>, export: Export) {
    let plugin = job.scheduler.state().plugins[plugin].plugin.clone();
    call::run(job, &plugin, Call { export, socket, connecting: None });
}

fn server_event(job: &Rc<JobHandle>, plugin: usize, event: IncomingServerEvent) {
    let reply = event.reply;
    single(job, plugin, None, Export::ServerEvent(event));
    // Unless it has answered, it never will.
    if let Some(reply) = reply {
        job.scheduler.state().server_questions[reply.question].settle(reply, None);
    }
}

struct Chain<'a> {
    job: &'a Rc<JobHandle>,
    socket: SocketIndex,
    plugins: Vec<Arc<LoadedPlugin>>,
    namespace: String,
}

impl<'a> Chain<'a> {
    fn new(job: &'a Rc<JobHandle>, socket: SocketIndex) -> Self {
        let state = job.scheduler.state();
        let namespace = state.sockets[socket].namespace.clone();
        let plugins = state.chain(state.sockets[socket].node, &namespace);
        drop(state);
        Self { job, socket, plugins, namespace }
    }

    fn with(&self, hook: Hook) -> impl Iterator<Item = &Arc<LoadedPlugin>> {
        self.plugins.iter().filter(move |plugin| plugin.has(&self.namespace, hook))
    }

    fn call(&self, plugin: &Arc<LoadedPlugin>, export: Export) -> CallOutcome {
        call::run(self.job, plugin, Call { export, socket: Some(self.socket), connecting: None })
    }

    /// A call of the connect chain, whose writes may be held back.
    fn connect_call(&self, plugin: &Arc<LoadedPlugin>, export: Export) -> CallOutcome {
        call::run(self.job, plugin, Call { export, socket: Some(self.socket), connecting: Some(self.socket) })
    }

    fn connect(&self) {
        for plugin in self.with(Hook::ConnectMiddleware) {
            match self.connect_call(plugin, Export::ConnectMiddleware) {
                CallOutcome::Done | CallOutcome::Rewritten { .. } => {}
                CallOutcome::Rejected(failure) => return self.refuse(failure),
                CallOutcome::Failed(_) => return self.refuse(Failure::neutral()),
            }
        }
        self.begin_connection();
        let last = self.with(Hook::Connection).last().map(|plugin| plugin.index);
        for plugin in &self.plugins {
            if !self.reach(plugin) {
                break;
            }
            if !plugin.has(&self.namespace, Hook::Connection) {
                continue;
            }
            if Some(plugin.index) == last && plugin.has_overtakable_connection(&self.namespace) {
                self.job.let_overtake();
            }
            if let CallOutcome::Failed(failure) | CallOutcome::Rejected(failure) = self.connect_call(plugin, Export::Connection) {
                let error = failure.error_event(self.socket);
                self.job.scheduler.state().send(plugin.node, Some(self.socket), vec![error]);
            }
        }
        self.job.scheduler.state().admit(self.socket);
    }

    /// From here on everything that the chain writes is held back, not only what is for the socket itself.
    fn begin_connection(&self) {
        let phase = &mut self.job.scheduler.state().sockets[self.socket].connecting;
        if let ConnectPhase::Middleware(held) = phase {
            *phase = ConnectPhase::Connection(std::mem::take(held));
        }
    }

    /// The plugin's place in the `connection` chain is reached, unless the socket has disconnected.
    fn reach(&self, plugin: &LoadedPlugin) -> bool {
        let socket = &mut self.job.scheduler.state().sockets[self.socket];
        if socket.state == SocketState::Left {
            return false;
        }
        socket.queue.reached.push(plugin.index);
        true
    }

    fn refuse(&self, failure: Failure) {
        let mut state = self.job.scheduler.state();
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
            let mut state = self.job.scheduler.state();
            let answer = failure.answer(&state, self.socket, ack);
            let node = state.sockets[self.socket].node;
            state.apply(node, answer.into_iter().collect());
        }
    }

    fn middleware(&self, mut event: IncomingEvent) -> Result<IncomingEvent, Failure> {
        for plugin in self.with(Hook::EventMiddleware) {
            match self.call(plugin, Export::EventMiddleware(event.clone())) {
                CallOutcome::Done => {}
                CallOutcome::Rewritten { name, payload } => event = IncomingEvent { name, payload, ack: event.ack },
                CallOutcome::Rejected(failure) | CallOutcome::Failed(failure) => return Err(failure),
            }
        }
        Ok(event)
    }

    /// Runs every handler, whatever becomes of the others. The first failure that is not silent is the one that is answered. While the
    /// last of them waits, the next event may start, if that plugin allows it.
    fn handlers(&self, event: &IncomingEvent) -> Option<Failure> {
        let mut failed = None;
        let mut plugins = self.plugins.iter().filter(|plugin| plugin.handles(&self.namespace, &event.name)).peekable();
        while let Some(plugin) = plugins.next() {
            if plugins.peek().is_none() && plugin.is_overtakable(&self.namespace, &event.name) {
                self.job.let_overtake();
            }
            if let CallOutcome::Rejected(failure) | CallOutcome::Failed(failure) = self.call(plugin, Export::Event(event.clone()))
            {
                failed = failed.or_else(|| (!failure.is_silent()).then_some(failure));
            }
        }
        failed
    }

    fn disconnect(&self, reason: String) {
        let disconnect = Disconnect::new(reason, None);
        let reached = std::mem::take(&mut self.job.scheduler.state().sockets[self.socket].queue.reached);
        for plugin in self.with(Hook::Disconnecting).filter(|plugin| reached.contains(&plugin.index)) {
            self.call(plugin, Export::Disconnecting(disconnect.clone()));
        }
        self.job.scheduler.state().sockets[self.socket].rooms = RoomSet::default();
        for plugin in self.with(Hook::Disconnect).filter(|plugin| reached.contains(&plugin.index)) {
            self.call(plugin, Export::Disconnect(disconnect.clone()));
        }
    }
}
