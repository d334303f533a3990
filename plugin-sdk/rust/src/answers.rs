//! The answers of many clients to one question.

use crate::arguments::Argument;
use crate::error::Result;
use crate::host;
use crate::payload::Payload;

/// What the clients answered. Each socket of this node that was asked is in exactly one of the lists. Of other nodes there are only
/// answers and numbers, because the protocol between servers has no ids for answers.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The answers, in the order in which they came, each with the id of its socket if that is of this node.
    pub responses: Vec<(Option<String>, Payload)>,
    /// The sockets that disconnected before answering.
    pub missing: Vec<String>,
    /// The sockets that had not answered in time.
    pub timed_out: Vec<String>,
    /// How many sockets of other nodes were asked and did not answer.
    pub unanswered: u32,
    /// How many other nodes did not answer at all, and may have asked sockets.
    pub nodes_missing: u32,
}

impl Answers {
    /// The first argument of each answer; or all of its arguments, as a [`Payload`] or [`Spread`](crate::Spread).
    ///
    /// ```no_run
    /// # use innkeeper_plugin::{Socket, Result};
    /// # fn f(socket: &Socket) -> Result<()> {
    /// let votes: Vec<bool> = socket.nsp().to("jury").emit_with_ack("guilty?", ())?.values()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If an answer has no first argument of this type.
    pub fn values<T: Argument>(self) -> Result<Vec<T>> {
        self.responses.into_iter().map(|(_, payload)| payload.first()).collect()
    }
}

impl From<host::Answers> for Answers {
    fn from(answers: host::Answers) -> Self {
        let responses = answers.responses.into_iter().map(|response| (response.socket, response.payload.into())).collect();
        Self {
            responses,
            missing: answers.missing,
            timed_out: answers.timed_out,
            unanswered: answers.unanswered,
            nodes_missing: answers.nodes_missing,
        }
    }
}
