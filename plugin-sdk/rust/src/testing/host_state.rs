//! The state of a host in memory: sockets, rooms, timers, the store, and the time, which moves only when a test moves it.

use super::ids::{JobId, NodeIndex, SocketIndex};
use super::job::{Job, WaitFor};
use super::line::Line;
use super::loaded_plugin::LoadedPlugin;
use super::node_state::{NodeState, ServerEvents, is_local};
use super::question::Question;
use super::random::Random;
use super::server_question::ServerQuestion;
use super::server_socket::{ServerSocket, SocketState};
use super::store::Buckets;
use super::timers::{NewTimer, TimerId, Timers};
use super::windows::Windows;
use crate::bindings::innkeeper::plugin::types::Target;
use crate::payload::Payload;
use innkeeper_contract::limits::{TIMER_EVERY_MIN, TOKEN_BYTES_MAX};
use innkeeper_contract::{codes, defaults};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// 2026-01-01, in milliseconds since 1970.
const FIRST_MOMENT_MS: u64 = 1_767_225_600_000;

/// The state of a host. It has no locks of its own.
pub(super) struct HostState {
    /// Since the host was made.
    pub(super) now: Duration,
    /// What the clock showed then, in milliseconds since 1970.
    pub(super) first_moment_ms: u64,
    pub(super) random: Random,
    pub(super) call_limit: Duration,
    /// The host itself is the first.
    pub(super) nodes: Vec<NodeState>,
    /// Those of the first node, then those of the others.
    pub(super) plugins: Vec<PluginState>,
    pub(super) sockets: Vec<ServerSocket>,
    pub(super) questions: Vec<Question>,
    pub(super) server_questions: Vec<ServerQuestion>,
    pub(super) store: Buckets,
    /// Valid tokens: key and token, with the claims.
    pub(super) tokens: BTreeMap<(String, String), serde_json::Value>,
    pub(super) log: Vec<Line>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) jobs_started: JobId,
    /// Connections that a plugin closed, and whose other sockets are still to be disconnected.
    pub(super) closing: Vec<usize>,
    pub(super) connections: usize,
}

/// A plugin, and what the host keeps for it.
pub(super) struct PluginState {
    pub(super) plugin: Arc<LoadedPlugin>,
    pub(super) timers: Timers,
    pub(super) server_events: ServerEvents,
    /// Those of the first node count for the plugin on all nodes.
    pub(super) windows: Windows,
    /// Whether a call runs that belongs to no socket: those run one at a time.
    pub(super) is_busy: bool,
}

impl Default for HostState {
    fn default() -> Self {
        Self {
            now: Duration::ZERO,
            first_moment_ms: FIRST_MOMENT_MS,
            random: Random::new(1),
            call_limit: defaults::CALL,
            nodes: vec![NodeState::own()],
            plugins: Vec::new(),
            sockets: Vec::new(),
            questions: Vec::new(),
            server_questions: Vec::new(),
            store: Buckets::default(),
            tokens: BTreeMap::new(),
            log: Vec::new(),
            jobs: BTreeMap::new(),
            jobs_started: 0,
            closing: Vec::new(),
            connections: 0,
        }
    }
}

impl HostState {
    pub(super) fn now_ms(&self) -> u64 {
        self.first_moment_ms + u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn add_plugin(&mut self, plugin: Arc<LoadedPlugin>) {
        let (timers, server_events, windows) = (Timers::default(), ServerEvents::default(), Windows::default());
        self.plugins.push(PluginState { plugin, timers, server_events, windows, is_busy: false });
    }

    /// The claims of a token that is valid now; or the code and the reason of its refusal.
    pub(super) fn claims(&self, key: &str, token: &str) -> Result<String, (&'static str, &'static str)> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err((codes::INVALID, "the token is too long"));
        }
        let claims = self.tokens.get(&(key.to_owned(), token.to_owned()));
        let claims = claims.ok_or((codes::INVALID, "the test has not made this token valid"))?;
        let now = self.now_ms() as f64 / 1_000.0;
        let time = |claim: &str| match claims.get(claim) {
            None => Ok(None),
            Some(time) => time.as_f64().map(Some).ok_or((codes::CLAIMS, "exp or nbf is not a number")),
        };
        let (expires, begins) = (time("exp")?, time("nbf")?);
        if begins.is_some_and(|begins| now < begins) {
            return Err((codes::NOT_BEFORE, "the time of nbf has not come"));
        }
        if expires.is_some_and(|expires| expires <= now) {
            return Err((codes::EXPIRED, "the time of exp has passed"));
        }
        Ok(claims.to_string())
    }

    /// The socket of this node that has this id and is in its namespace.
    pub(super) fn find(&self, node: NodeIndex, id: &str) -> Option<SocketIndex> {
        let is_it = |socket: &ServerSocket| socket.id == id && socket.node == node && socket.state == SocketState::Joined;
        self.sockets.iter().position(is_it)
    }

    /// The sockets that a target names which this node reaches: its own first, and each in the order in which they connected.
    pub(super) fn select(&self, node: NodeIndex, target: &Target) -> Vec<SocketIndex> {
        let is_local = is_local(target);
        let is_selected = |socket: &ServerSocket| {
            let is_in = |room: &String| socket.rooms.contains(room);
            let in_rooms = target.rooms.is_empty() || target.rooms.iter().any(is_in);
            let is_here = socket.state == SocketState::Joined && socket.namespace == target.namespace;
            let is_reached = socket.node == node || !is_local && self.reaches(node, socket.node);
            is_here && is_reached && in_rooms && !target.except.iter().any(is_in)
        };
        let selected = (0..self.sockets.len()).filter(|index| is_selected(&self.sockets[*index]));
        let (own, others): (Vec<_>, Vec<_>) = selected.partition(|index| self.sockets[*index].node == node);
        [own, others].concat()
    }

    /// The namespaces that have sockets of this node.
    pub(super) fn namespaces(&self, node: NodeIndex) -> BTreeSet<String> {
        let joined = self.sockets.iter().filter(|socket| socket.node == node && socket.state == SocketState::Joined);
        joined.map(|socket| socket.namespace.clone()).collect()
    }

    /// Whether a namespace exists on a node: `/`, and whatever a plugin registered.
    pub(super) fn has_namespace(&self, node: NodeIndex, name: &str) -> bool {
        name == "/" || !self.chain(node, name).is_empty()
    }

    /// The plugins of a namespace on a node, in order.
    pub(super) fn chain(&self, node: NodeIndex, namespace: &str) -> Vec<Arc<LoadedPlugin>> {
        let plugins = self.plugins.iter().map(|state| &state.plugin);
        plugins.filter(|plugin| plugin.node == node && plugin.serves(namespace)).cloned().collect()
    }

    /// Disconnects a socket, in one step. The first reason counts.
    pub(super) fn disconnect(&mut self, index: SocketIndex, reason: &str) {
        let socket = &mut self.sockets[index];
        if socket.state == SocketState::Left {
            return;
        }
        socket.state = SocketState::Left;
        socket.reason = Some(reason.to_owned());
        socket.open_acks.clear();
        let node = socket.node;
        // What happens to a client elsewhere is not told: it just does not answer.
        self.questions.iter_mut().filter(|question| question.node == node).for_each(|question| question.disconnect(index));
    }

    /// A whole connection ends.
    pub(super) fn close(&mut self, connection: usize, reason: &str) {
        for index in 0..self.sockets.len() {
            if self.sockets[index].connection == connection {
                self.disconnect(index, reason);
            }
        }
    }

    /// Asks sockets, some of which may be on nodes that are silent, and returns the number of the question.
    pub(super) fn ask(
        &mut self,
        node: NodeIndex,
        sockets: Vec<SocketIndex>,
        nodes_missing: u32,
        name: &str,
        payload: &Payload,
    ) -> usize {
        let number = self.questions.len();
        let open: Vec<_> = sockets.into_iter().filter(|socket| self.sockets[*socket].state != SocketState::Left).collect();
        self.questions.push(Question { node, nodes_missing, open: open.clone(), ..Question::default() });
        for socket in open {
            self.sockets[socket].receive(name, payload, Some(number));
        }
        number
    }

    /// Sets a timer. One of the same id and socket is replaced, also if it was due and has not run; or kept, if it is to be.
    pub(super) fn set_timer(&mut self, plugin: usize, mut timer: NewTimer) {
        timer.every = timer.every.map(|every| every.max(TIMER_EVERY_MIN));
        if timer.keep && self.has_equal_timer(plugin, &timer) {
            return;
        }
        self.clear_timer(plugin, &timer.id, timer.socket);
        self.plugins[plugin].timers.add(timer, self.now);
    }

    pub(super) fn clear_timer(&mut self, plugin: usize, id: &TimerId, socket: Option<SocketIndex>) {
        self.plugins[plugin].timers.remove(id, socket);
        if let Some(socket) = socket {
            self.sockets[socket].queue.remove_timer(plugin, id);
        }
    }

    /// Whether a timer of this id, socket and interval is set. One that is in the socket's queue alone does not repeat.
    fn has_equal_timer(&self, plugin: usize, timer: &NewTimer) -> bool {
        match self.plugins[plugin].timers.interval(&timer.id, timer.socket) {
            Some(every) => every == timer.every,
            None => {
                timer.every.is_none()
                    && timer.socket.is_some_and(|socket| self.sockets[socket].queue.has_timer(plugin, &timer.id))
            }
        }
    }

    /// The names of the rooms that have members among the sockets of a target, without the sockets' own, in the order of their bytes.
    pub(super) fn room_names(&self, node: NodeIndex, target: &Target, prefix: &str) -> Vec<String> {
        let sockets = self.select(node, target).into_iter().map(|index| &self.sockets[index]);
        let rooms = sockets.flat_map(|socket| socket.rooms.names().iter().filter(|room| **room != socket.id));
        let names: BTreeSet<&String> = rooms.filter(|room| room.starts_with(prefix)).collect();
        names.into_iter().cloned().collect()
    }

    /// Whether a job waits so that the next one of its socket may start: for clients, or in the last call of an overtakable event.
    pub(super) fn can_be_overtaken(&self, job: JobId) -> bool {
        self.jobs.get(&job).is_some_and(|job| match job.wait.as_ref().map(|wait| wait.waits_for) {
            Some(WaitFor::Clients(_)) => true,
            Some(WaitFor::Time | WaitFor::Servers(_)) => job.is_overtakable,
            None => false,
        })
    }
}
