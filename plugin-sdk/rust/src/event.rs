//! Events of clients, their acknowledgements, and what a handler may return.

use crate::error::{Error, Result};
use crate::host::host;
use crate::payload::{Args, Payload};

/// An event of a client, as middleware and catch-all handlers see it.
#[derive(Clone, Debug)]
pub struct Event {
    name: String,
    payload: Payload,
    ack: Ack,
    rewritten: bool,
}

impl Event {
    pub(crate) fn new(name: String, payload: Payload, ack: Ack) -> Self {
        Self { name, payload, ack, rewritten: false }
    }

    /// The event's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The arguments, as they travel.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The arguments, to hand on.
    pub fn into_payload(self) -> Payload {
        self.payload
    }

    /// What the client's ack is to be answered with.
    pub fn ack(&self) -> &Ack {
        &self.ack
    }

    /// For middleware: lets the rest of the chain see another name.
    pub fn rename(&mut self, name: impl Into<String>) {
        self.name = name.into();
        self.rewritten = true;
    }

    /// For middleware: lets the rest of the chain see other arguments.
    ///
    /// # Errors
    /// If the arguments cannot be written as JSON.
    pub fn set_args(&mut self, args: impl Args) -> Result<()> {
        self.payload = args.into_payload()?;
        self.rewritten = true;
        Ok(())
    }

    /// Name, arguments and ack, to read them.
    pub(crate) fn into_all(self) -> (String, Payload, Ack) {
        (self.name, self.payload, self.ack)
    }

    /// Whether middleware changed something.
    pub(crate) fn rewritten(&self) -> bool {
        self.rewritten
    }

    /// Name and arguments, to hand on.
    pub fn into_parts(self) -> (String, Payload) {
        (self.name, self.payload)
    }
}

/// A client's acknowledgement, to be answered once: now, later, or from another handler.
///
/// Returning [`Reply`] is the usual way. Take an `Ack` as a handler's last argument, behind whatever else it takes, to answer before its end, or
/// to keep it: as a [`token`](Self::token) in the socket's data, because a plugin's memory is but a cache.
///
/// ```no_run
/// use innkeeper_plugin::{Ack, Result, Socket};
///
/// fn ask(socket: &Socket, question: String, ack: Ack) -> Result<()> {
///     socket.to("staff").emit("question", question)?;
///     socket.set_data("waiting", &ack.token())
/// }
///
/// fn answer(socket: &Socket, text: String) -> Result<()> {
///     match socket.data::<String>("waiting")? {
///         Some(token) => Ack::from_token(&token)?.reply(text),
///         None => Ok(()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    socket: String,
    id: Option<u64>,
}

impl Ack {
    pub(crate) fn new(socket: String, id: Option<u64>) -> Self {
        Self { socket, id }
    }

    /// That of a client which asked for none.
    pub(crate) fn none() -> Self {
        Self { socket: String::new(), id: None }
    }

    /// Whether the client asked for an acknowledgement.
    pub fn asked(&self) -> bool {
        self.id.is_some()
    }

    /// Answers the client. The first answer counts, later ones are dropped. If the client asked for no acknowledgement this does nothing.
    ///
    /// # Errors
    /// If the arguments cannot be written as JSON or have too many attachments, or the call has recorded as many writes as it
    /// may.
    pub fn reply(&self, args: impl Args) -> Result<()> {
        match self.id {
            Some(id) => host().reply(&self.socket, id, args.into_payload()?),
            None => Ok(()),
        }
    }

    /// The acknowledgement as a text, to be kept.
    pub fn token(&self) -> String {
        self.id.map_or_else(String::new, |id| format!("{id}@{}", self.socket))
    }

    /// The acknowledgement of a [`token`](Self::token).
    ///
    /// # Errors
    /// If the text is not one that [`token`](Self::token) made.
    pub fn from_token(token: &str) -> Result<Self> {
        if token.is_empty() {
            return Ok(Self::none());
        }
        let parts = token.split_once('@').and_then(|(id, socket)| Some((id.parse().ok()?, socket)));
        let (id, socket) = parts.ok_or_else(|| Error::internal(format!("not a token of an ack: {token:?}")))?;
        Ok(Self { socket: socket.to_owned(), id: Some(id) })
    }
}

/// A handler's answer to the client's ack: `Reply(value)`, or a tuple for several arguments; all of [`Args`] can be given.
///
/// ```
/// use innkeeper_plugin::{Reply, Socket};
///
/// fn add(_socket: &Socket, a: f64, b: f64) -> Reply<f64> {
///     Reply(a + b)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<A: Args>(pub A);

/// What a handler may return: `()`, [`Reply`], an `Option` of one, or a `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "return `()`, `Reply(value)`, `Option<Reply<_>>`, or a `Result` of these"
)]
pub trait IntoReply {
    /// The ack, if there is one.
    #[doc(hidden)]
    fn into_reply(self) -> Result<Option<Payload>>;
}

impl IntoReply for () {
    fn into_reply(self) -> Result<Option<Payload>> {
        Ok(None)
    }
}

impl<A: Args> IntoReply for Reply<A> {
    fn into_reply(self) -> Result<Option<Payload>> {
        self.0.into_payload().map(Some)
    }
}

impl<A: Args> IntoReply for Option<Reply<A>> {
    fn into_reply(self) -> Result<Option<Payload>> {
        self.map(|reply| reply.0.into_payload()).transpose()
    }
}

impl<R: IntoReply, E: Into<Error>> IntoReply for std::result::Result<R, E> {
    fn into_reply(self) -> Result<Option<Payload>> {
        self.map_err(Into::into)?.into_reply()
    }
}

#[cfg(test)]
mod tests {
    use super::Ack;

    #[test]
    fn an_ack_comes_back_from_its_token() {
        for ack in [Ack::new("abc-_".into(), Some(u64::MAX)), Ack::new(String::new(), None)] {
            assert_eq!(Ack::from_token(&ack.token()).unwrap(), ack);
        }
        for token in ["x", "@abc", "12", "-1@abc"] {
            assert!(Ack::from_token(token).is_err(), "{token}");
        }
    }

    #[test]
    fn a_client_that_asked_for_no_ack_gets_none() {
        Ack::new("abc".into(), None).reply("unsent").unwrap();
    }
}
