//! Questions to the other nodes.

use crate::payload::Payload;
use serde_json::Value;

/// A server event that awaits answers.
#[derive(Default)]
pub(super) struct ServerQuestion {
    /// The nodes that were asked, each with what its plugins did, in configured order.
    nodes: Vec<Vec<Answered>>,
    /// Nodes that were not reached.
    silent: u32,
    /// One of a node.
    responses: Vec<Payload>,
}

/// What a plugin that was asked did.
#[derive(Clone)]
enum Answered {
    NotYet,
    Not,
    With(Payload),
}

/// Where the answer of one plugin goes.
#[derive(Clone, Copy)]
pub(super) struct ServerReply {
    pub(super) question: usize,
    /// Its node among those that were asked.
    pub(super) node: usize,
    /// The plugin's place among those of the node that were asked.
    pub(super) position: usize,
}

impl ServerQuestion {
    /// A question to nodes of which each asks so many plugins.
    pub(super) fn new(plugins_of_each: &[usize], silent: u32) -> Self {
        let nodes = plugins_of_each.iter().map(|plugins| vec![Answered::NotYet; *plugins]).collect();
        Self { nodes, silent, responses: Vec::new() }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.nodes_missing() == 0
    }

    pub(super) fn nodes_missing(&self) -> u32 {
        let asked = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX).saturating_add(self.silent);
        asked.saturating_sub(u32::try_from(self.responses.len()).unwrap_or(u32::MAX))
    }

    pub(super) fn into_responses(self) -> Vec<Payload> {
        self.responses
    }

    /// The first plugin that answers, in configured order, answers for its node, with its first argument.
    pub(super) fn settle(&mut self, reply: ServerReply, answer: Option<Payload>) {
        // A question that is over has no nodes any more.
        let Some(plugins) = self.nodes.get_mut(reply.node) else { return };
        if answered(plugins).is_some() {
            return;
        }
        if let Some(plugin @ Answered::NotYet) = plugins.get_mut(reply.position) {
            *plugin = answer.map_or(Answered::Not, Answered::With);
        }
        self.responses.extend(answered(plugins).map(first_argument));
    }
}

/// The answer of a node, once the plugins before the one that gave it have not answered.
fn answered(plugins: &[Answered]) -> Option<&Payload> {
    match plugins.iter().find(|plugin| !matches!(plugin, Answered::Not)) {
        Some(Answered::With(payload)) => Some(payload),
        _ => None,
    }
}

fn first_argument(payload: &Payload) -> Payload {
    // What a plugin returned is JSON.
    let arguments: Vec<Value> = serde_json::from_str(payload.json()).unwrap_or_default();
    let first: Vec<Value> = arguments.into_iter().take(1).collect();
    Payload { args: Value::from(first).to_string(), attachments: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::{ServerQuestion, ServerReply};
    use crate::payload::Payload;

    #[test]
    fn the_first_plugin_that_answers_answers_for_its_node() {
        let payload = |args: &str| Some(Payload { args: args.to_owned(), attachments: Vec::new() });
        let reply = |node, position| ServerReply { question: 0, node, position };
        let mut question = ServerQuestion::new(&[3, 1, 0], 1);
        question.settle(reply(0, 2), payload("[3]"));
        question.settle(reply(0, 1), payload("[2,4]"));
        assert_eq!(question.nodes_missing(), 4, "the first may still answer");
        question.settle(reply(0, 0), None);
        question.settle(reply(0, 0), payload("[1]"));
        question.settle(reply(1, 0), None);
        question.settle(reply(1, 0), payload("[5]"));
        assert_eq!(question.nodes_missing(), 3);
        let responses: Vec<_> = question.into_responses().into_iter().map(|payload| payload.args).collect();
        assert_eq!(responses, ["[2]"]);
    }
}
