//! Events of other servers.

use crate::arguments::{Argument, Arguments};
use crate::bindings::innkeeper::plugin::cluster as wit;
use crate::error::Result;
use crate::payload::Payload;

/// An event that another server emitted with `serverSideEmit`, as the function given to
/// [`Plugin::on_server_event`](crate::Plugin::on_server_event) gets it.
#[derive(Clone, Debug)]
pub struct ServerEvent {
    name: String,
    namespace: String,
    payload: Payload,
}

impl ServerEvent {
    pub(crate) fn new(name: String, namespace: String, payload: Payload) -> Self {
        Self { name, namespace, payload }
    }

    /// The event's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace on which it was emitted.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The arguments, typed: a tuple, `let (text, count): (String, u32) = event.args()?`.
    ///
    /// # Errors
    /// If an argument is of another type.
    pub fn args<A: Arguments>(&self) -> Result<A> {
        self.payload.clone().read()
    }
}

/// What other servers answered.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerAnswers {
    /// The answer of each server, of one argument, in the order in which they came.
    pub responses: Vec<Payload>,
    /// How many servers did not answer in time.
    pub nodes_missing: u32,
}

impl From<wit::Answers> for ServerAnswers {
    fn from(answers: wit::Answers) -> Self {
        let wit::Answers { responses, nodes_missing } = answers;
        Self { responses: responses.into_iter().map(Payload::from).collect(), nodes_missing }
    }
}

impl ServerAnswers {
    /// The argument of each answer.
    ///
    /// # Errors
    /// If an answer is of another type.
    pub fn values<T: Argument>(self) -> Result<Vec<T>> {
        self.responses.into_iter().map(Payload::first).collect()
    }
}
