//! The nodes of a cluster: the host itself, and those that a test adds. Each has its own plugins and sockets; store and rate limits are the
//! same for all, as on one Redis.

use super::host_state::HostState;
use super::ids::NodeIndex;
use super::node_state::{IncomingServerEvent, NodeState, NodeStatus, OWN};
use super::server_question::{ServerQuestion, ServerReply};
use crate::payload::Payload;

/// Bytes of a name.
const NAME_BYTES: usize = 4;

impl HostState {
    /// Adds a node. The error says why there is no such name.
    pub(super) fn add_node(&mut self, name: &str) -> Result<NodeIndex, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.len() != NAME_BYTES || !name.bytes().all(is_allowed) {
            return Err(format!("a node's name has {NAME_BYTES} characters out of A-Z, a-z, 0-9, - and _, unlike {name:?}"));
        }
        if self.nodes.iter().any(|node| node.name == name) {
            return Err(format!("there is a node {name:?} already: each has a name of its own, and the first is {OWN:?}"));
        }
        self.nodes.push(NodeState::named(name));
        Ok(self.nodes.len() - 1)
    }

    /// Whether what one node sends gets to another.
    pub(super) fn reaches(&self, from: NodeIndex, to: NodeIndex) -> bool {
        from == to || [from, to].iter().all(|node| self.nodes[*node].status == NodeStatus::Connected)
    }

    /// How many other nodes a node gets no answer from.
    pub(super) fn silent_for(&self, node: NodeIndex) -> u32 {
        let is_there = |other: &NodeIndex| self.nodes[*other].status != NodeStatus::Gone;
        let silent = (0..self.nodes.len()).filter(is_there).filter(|other| !self.reaches(node, *other)).count();
        u32::try_from(silent).unwrap_or(u32::MAX)
    }

    /// An event for the other nodes.
    pub(super) fn emit_to_servers(&mut self, from: NodeIndex, namespace: &str, name: &str, payload: &Payload) {
        for node in self.others(from) {
            for plugin in self.server_event_plugins(node, namespace, name) {
                self.push_server_event(plugin, namespace, name, payload, None);
            }
        }
    }

    /// Asks the other nodes, and returns the number of the question.
    pub(super) fn ask_servers(&mut self, from: NodeIndex, namespace: &str, name: &str, payload: &Payload) -> usize {
        let (question, nodes) = (self.server_questions.len(), self.others(from));
        let asked: Vec<_> = nodes.into_iter().map(|node| self.server_event_plugins(node, namespace, name)).collect();
        let plugins_of_each: Vec<_> = asked.iter().map(Vec::len).collect();
        self.server_questions.push(ServerQuestion::new(&plugins_of_each, self.silent_for(from)));
        for (node, plugins) in asked.into_iter().enumerate() {
            for (position, plugin) in plugins.into_iter().enumerate() {
                let reply = ServerReply { question, node, position };
                self.push_server_event(plugin, namespace, name, payload, Some(reply));
            }
        }
        question
    }

    /// The other nodes that a node reaches.
    fn others(&self, from: NodeIndex) -> Vec<NodeIndex> {
        (0..self.nodes.len()).filter(|node| *node != from && self.reaches(from, *node)).collect()
    }

    fn server_event_plugins(&self, node: NodeIndex, namespace: &str, name: &str) -> Vec<usize> {
        let plugins = self.chain(node, namespace).into_iter();
        plugins.filter(|plugin| plugin.handles_server_event(namespace, name)).map(|plugin| plugin.index).collect()
    }

    fn push_server_event(&mut self, plugin: usize, namespace: &str, name: &str, payload: &Payload, reply: Option<ServerReply>) {
        let (namespace, name, payload) = (namespace.to_owned(), name.to_owned(), payload.clone());
        self.plugins[plugin].server_events.push_back(IncomingServerEvent { namespace, name, payload, reply });
    }
}
