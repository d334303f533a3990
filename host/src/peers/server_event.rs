//! An event that another node emitted with `serverSideEmit`.

use std::sync::{Arc, Mutex, PoisonError};

use crate::adapter::Namespace;
use crate::packet::{Message, Payload};

/// Answers the node that asked, with the first of the arguments. It only queues.
pub(crate) type Reply = Box<dyn FnOnce(&Payload) + Send>;

/// An event of another node.
pub(crate) struct ServerEvent {
    /// Where it was emitted.
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) message: Message,
    /// If the node asks for an answer. Dropping it leaves that node without one.
    pub(crate) reply: Option<Reply>,
}

/// Receives the events of other nodes.
pub(crate) trait ServerEvents: Send + Sync {
    /// Takes an event over. Called in the order in which events arrive; it only queues, and drops what has no handler here.
    fn arrived(&self, event: ServerEvent);
}

/// The answer of this node, which several plugins may give: the first of them that answers, in configured order.
pub(crate) struct NodeReply {
    guarded: Mutex<Guarded>,
}

struct Guarded {
    /// What each plugin did, in configured order.
    plugins: Vec<Answered>,
    /// Until it was called.
    reply: Option<Reply>,
}

enum Answered {
    NotYet,
    Not,
    With(Payload),
}

/// The part of one plugin in it. A plugin whose part is dropped has not answered.
pub(crate) struct PluginReply {
    node: Arc<NodeReply>,
    plugin: usize,
}

impl NodeReply {
    /// The parts of so many plugins.
    pub(crate) fn for_plugins(plugins: usize, reply: Reply) -> Vec<Arc<PluginReply>> {
        let guarded = Guarded { plugins: (0..plugins).map(|_| Answered::NotYet).collect(), reply: Some(reply) };
        let node = Arc::new(Self { guarded: Mutex::new(guarded) });
        (0..plugins).map(|plugin| Arc::new(PluginReply { node: node.clone(), plugin })).collect()
    }

    fn note(&self, plugin: usize, answered: Answered) {
        let ready = {
            let mut guarded = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
            match guarded.plugins.get_mut(plugin) {
                Some(noted @ Answered::NotYet) => *noted = answered,
                _ => return,
            }
            guarded.first_answer()
        };
        if let Some((reply, payload)) = ready {
            reply(&payload);
        }
    }
}

impl Guarded {
    /// The answer of the node, once those before the plugin that gave it have not answered.
    fn first_answer(&mut self) -> Option<(Reply, Payload)> {
        for plugin in &mut self.plugins {
            match plugin {
                Answered::NotYet => return None,
                Answered::Not => {}
                Answered::With(payload) => return Some((self.reply.take()?, std::mem::take(payload))),
            }
        }
        None
    }
}

impl PluginReply {
    /// The plugin answers.
    pub(crate) fn answer(&self, payload: Payload) {
        self.node.note(self.plugin, Answered::With(payload));
    }
}

impl Drop for PluginReply {
    fn drop(&mut self) {
        self.node.note(self.plugin, Answered::Not);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{NodeReply, PluginReply};
    use crate::packet::Payload;

    fn payload(args: &str) -> Payload {
        Payload { args: args.to_owned(), attachments: Vec::new() }
    }

    fn three() -> ([Arc<PluginReply>; 3], Arc<Mutex<Vec<String>>>) {
        let told = Arc::<Mutex<Vec<String>>>::default();
        let noted = told.clone();
        let reply = Box::new(move |payload: &Payload| noted.lock().unwrap().push(payload.args.clone()));
        (NodeReply::for_plugins(3, reply).try_into().ok().unwrap(), told)
    }

    #[test]
    fn the_first_plugin_that_answers_answers_for_the_node() {
        let ([first, second, third], told) = three();
        third.answer(payload("[3]"));
        second.answer(payload("[2]"));
        second.answer(payload("[4]"));
        assert!(told.lock().unwrap().is_empty(), "the first may still answer");
        drop(first);
        assert_eq!(*told.lock().unwrap(), ["[2]"]);
        drop((second, third));
        assert_eq!(told.lock().unwrap().len(), 1);
    }

    #[test]
    fn where_nobody_answers_there_is_no_answer() {
        let (parts, told) = three();
        drop(parts);
        assert!(told.lock().unwrap().is_empty());
    }
}
