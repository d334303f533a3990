//! Errors of handlers, and what a client gets of them.
//!
//! An error that an author made is an answer to the client, so its message and code travel. An error of the host (a limit, a
//! capability that was not granted) concerns the operator: it is logged, and the client gets a neutral sentence.

use crate::bindings::innkeeper::plugin::types::Failure;
#[cfg(any(not(target_family = "wasm"), test))]
use innkeeper_contract::Refusal;
use innkeeper_contract::{codes, refusals};
use serde::Serialize;
use std::fmt;

/// The result of handlers and of everything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a handler or a middleware failed.
///
/// `?` makes one of a text and of any `std::error::Error`. If the client asked for an ack it gets
/// `{success: false, error, code, …data}`, else the event `error` with `{code, message, …data}`; refused by connect middleware
/// it gets `connect_error` with `{message, data}`.
///
/// ```
/// use innkeeper_plugin::{Error, Result};
///
/// fn page(number: u32) -> Result<()> {
///     if number > 40 {
///         return Err(Error::new("no such page").code("NOT_FOUND").data(&[number]));
///     }
///     if number == 13 {
///         Err("not that one")?;
///     }
///     Ok(())
/// }
/// assert_eq!(page(41).unwrap_err().code_str(), "NOT_FOUND");
/// assert_eq!(page(13).unwrap_err().message(), "not that one");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    code: String,
    message: String,
    data: Option<String>,
    origin: Origin,
}

/// Whose error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Plugin,
    Host,
}

/// The code of arguments that do not fit the handler.
pub(crate) const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";

impl Error {
    /// An error with this message and the code `INTERNAL_ERROR`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: String::new(), message: message.into(), data: None, origin: Origin::Plugin }
    }

    /// An error that is logged and answered by nothing, in a handler and in the middleware of events: as if a middleware of Node's
    /// `socket.use` had not called `next`.
    ///
    /// ```
    /// use innkeeper_plugin::{Error, Event, Result, Socket};
    ///
    /// fn only_the_leader(socket: &Socket, _event: &mut Event) -> Result<()> {
    ///     match socket.data::<bool>("leads")? {
    ///         Some(true) => Ok(()),
    ///         _ => Err(Error::silent("an event of a socket that does not lead the room")),
    ///     }
    /// }
    /// ```
    pub fn silent(message: impl Into<String>) -> Self {
        Self::new(message).code(codes::SILENT)
    }

    /// Sets the code that the client sees.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Adds details for the client. They are left out if they cannot be written as JSON.
    #[must_use]
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.data = serde_json::to_string(data).ok();
        self
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The code; empty if there is none. Of an error of the host it is one of `denied`, `disconnected`, `invalid`, `limit`,
    /// `pending`, `resumed`, `timeout`, `unavailable`, `unknown`, `unsupported`, those of [`jwt::verify`](crate::jwt::verify),
    /// or one that a later host adds.
    pub fn code_str(&self) -> &str {
        &self.code
    }

    /// Whether the host refused something, as opposed to an error of the plugin's own.
    pub fn is_host(&self) -> bool {
        self.origin == Origin::Host
    }

    /// What the host refused. (`From` would not do: it takes the texts of foreign errors, and the bindings' type is one.)
    #[cfg(any(target_family = "wasm", test))]
    pub(crate) fn of_host(failure: Failure) -> Self {
        Self { code: failure.code, message: failure.message, data: failure.data, origin: Origin::Host }
    }

    /// An error as of the host, for what the host cannot check because it does not have the plugin's types.
    pub(crate) fn host(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), data: None, origin: Origin::Host }
    }

    /// What a host refuses, in the contract's words.
    #[cfg(any(not(target_family = "wasm"), test))]
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self::host(refusal.code, refusal.message)
    }

    /// Arguments that do not fit.
    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(message).code(INVALID_ARGUMENT)
    }

    /// Why a plugin does not register: the message and the code are for the operator.
    pub(crate) fn into_refusal(self) -> Failure {
        Failure { code: self.code, message: self.message, data: self.data }
    }

    /// What the client gets.
    pub(crate) fn into_failure(self) -> Failure {
        match self.origin {
            Origin::Plugin => Failure { code: self.code, message: self.message, data: self.data },
            Origin::Host => Failure { code: String::new(), message: refusals::INTERNAL_ERROR.to_owned(), data: None },
        }
    }
}

// `Error` itself is no `std::error::Error`: that is what lets one impl take texts and all foreign errors.
impl<E: Into<Box<dyn std::error::Error>>> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(error.into().to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() { out.write_str(&self.message) } else { write!(out, "{} ({})", self.message, self.code) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Failure};

    fn number(text: &str) -> Result<u8, Error> {
        Ok(text.parse::<u8>()?)
    }

    #[test]
    fn an_error_of_the_host_reaches_the_client_as_a_neutral_sentence() {
        let denied = Failure { code: "denied".into(), message: "grants.chat: add \"store\"".into(), data: None };

        let error = Error::of_host(denied);
        assert_eq!(error.code_str(), "denied");
        let told = error.into_failure();
        assert_eq!((told.code.as_str(), told.message.as_str()), ("", "internal error"));
    }

    #[test]
    fn a_foreign_error_keeps_its_message() {
        assert_eq!(number("x").unwrap_err().into_failure().message, "invalid digit found in string");
    }

    #[test]
    fn an_error_of_the_author_reaches_the_client_whole() {
        let told = Error::new("full").code("ROOM_FULL").data(&serde_json::json!({"max": 3})).into_failure();
        assert_eq!(
            (told.code.as_str(), told.message.as_str(), told.data.as_deref()),
            ("ROOM_FULL", "full", Some(r#"{"max":3}"#))
        );
    }
}
