//! Errors of handlers, and what a client gets of them.
//!
//! An error that an author wrote is an answer to the client, so its message and code travel. All others concern the operator and
//! the author: those of the host (a limit, a capability that was not granted) and those of libraries. They are logged, and the
//! client gets a neutral sentence.

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
/// `?` makes one of a text, which the client gets, and of any `std::error::Error`, which it does not: its text goes to the log
/// with those of its sources, and the client gets `internal error`. Give [`new`](Self::new) what the client may read. If the client
/// asked for an ack it gets `{success: false, error, code, …data}`, else the event `error` with `{code, message, …data}`; refused by
/// connect middleware it gets `connect_error` with `{message, data}`.
///
/// ```
/// use innkeeper_plugin::{Error, Result};
/// use serde_json::json;
///
/// fn page(text: &str) -> Result<u32> {
///     if text.is_empty() {
///         Err("name a page")?; // the client reads it
///     }
///     if text.starts_with('-') {
///         return Err(Error::new("no such page").code("NOT_FOUND").data(&json!({"page": text}))); // so does it here
///     }
///     Ok(text.parse::<u32>()?) // the log has why; the client gets `internal error`
/// }
/// assert_eq!(page("").unwrap_err().message(), "name a page");
/// assert_eq!(page("-1").unwrap_err().code_str(), "NOT_FOUND");
/// assert_eq!(page("one").unwrap_err().message(), "invalid digit found in string");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    code: String,
    message: String,
    /// JSON, or why the data cannot be written as JSON.
    data: Result<Option<String>, String>,
    origin: Origin,
}

/// Whose error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The author wrote it for the client.
    Author,
    /// A library's, or this crate's: the client gets none of it.
    Internal,
    /// The host refused something.
    Host,
}

/// The code of arguments that do not fit the handler.
pub(crate) const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";

impl Error {
    /// An error with this message and the code `INTERNAL_ERROR`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: String::new(), message: message.into(), data: Ok(None), origin: Origin::Author }
    }

    /// An error whose message is for the log alone.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { origin: Origin::Internal, ..Self::new(message) }
    }

    /// An error that is logged, at the level `debug`, and answered by nothing, in a handler and in the middleware of events: as if a middleware of Node's
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

    /// Adds details for the client: any value for `connect_error`, and an object for the answer to an event, which has its members beside
    /// its own fields. They are left out, with a line in the log, if they are something else, cannot be written as JSON or have a
    /// [`Binary`](crate::Binary).
    #[must_use]
    pub fn data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.data = serde_json::to_string(data).map(Some).map_err(|error| error.to_string());
        self
    }

    /// The same for the answer to an event.
    pub(crate) fn of_event(mut self) -> Self {
        if self.data.as_ref().is_ok_and(|data| data.as_ref().is_some_and(|data| !data.starts_with('{') && data != "null")) {
            self.data = Err("the answer to an event has its members, so it has to be an object".to_owned());
        }
        self
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The code; empty if there is none. Of an error of the host it is one of `denied`, `disconnected`, `invalid`, `limit`,
    /// `pending`, `resumed`, `timeout`, `unavailable`, `unknown`, `unsupported`, or one that a later host adds.
    pub fn code_str(&self) -> &str {
        &self.code
    }

    /// Whether the host refused something, as opposed to an error of the plugin's own.
    pub fn is_host(&self) -> bool {
        self.origin == Origin::Host
    }

    /// What the client does not get of it, and the log shall have.
    pub(crate) fn log_line(&self) -> Option<String> {
        match &self.data {
            _ if self.origin != Origin::Author => Some(self.to_string()),
            Err(why) => Some(format!("the data of the error {:?} was left out: {why}", self.message)),
            Ok(_) => None,
        }
    }

    /// Whether it is an answer of the author's, as opposed to something that went wrong.
    pub(crate) fn is_answer(&self) -> bool {
        self.origin == Origin::Author
    }

    /// What the host refused. (`From` would not do: it takes the texts of foreign errors, and the bindings' type is one.)
    pub(crate) fn of_host(failure: Failure) -> Self {
        Self { code: failure.code, message: failure.message, data: Ok(failure.data), origin: Origin::Host }
    }

    /// An error as of the host.
    pub(crate) fn host(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), origin: Origin::Host, ..Self::new(message) }
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
        Failure { code: self.code, message: self.message, data: self.data.unwrap_or_default() }
    }

    /// What the client gets. An author who added a code or data to an error of a library meant those for the client.
    pub(crate) fn into_failure(self) -> Failure {
        let neutral = || refusals::INTERNAL_ERROR.to_owned();
        match self.origin {
            Origin::Author => self.into_refusal(),
            Origin::Internal => Failure { message: neutral(), ..self.into_refusal() },
            Origin::Host => Failure { code: String::new(), message: neutral(), data: None },
        }
    }
}

// `Error` itself is no `std::error::Error`: that is what lets one impl take texts and all foreign errors.
impl<E: Into<Box<dyn std::error::Error>>> From<E> for Error {
    fn from(error: E) -> Self {
        let error = error.into();
        if is_text(&*error) { Self::new(error.to_string()) } else { Self::internal(with_sources(&*error)) }
    }
}

/// Whether an error was made of a text. std keeps the type of such an error to itself, but it is shown as its text is.
fn is_text(error: &dyn std::error::Error) -> bool {
    format!("{error:?}") == format!("{:?}", error.to_string())
}

/// The message, and behind it those of the sources that it does not repeat.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
        source = error.source();
    }
    message
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
    fn an_error_of_a_library_is_neutral_for_the_client_and_whole_for_the_log() {
        let error = number("x").unwrap_err();
        assert_eq!(error.log_line().unwrap(), "invalid digit found in string");
        assert!(!error.is_host());
        let seen = error.into_failure();
        assert_eq!((seen.code.as_str(), seen.message.as_str(), seen.data), ("", "internal error", None));
        let boxed: Box<dyn std::error::Error> =
            Box::new(number("x").unwrap_err().code("BAD").message().parse::<u8>().unwrap_err());
        assert_eq!(Error::from(boxed).into_failure().message, "internal error");
    }

    #[test]
    fn a_text_of_the_author_is_for_the_client_however_it_came() {
        let boxed: Box<dyn std::error::Error> = "No \"name\"\n".into();
        let borrowed: &str = &String::from("No \"name\"\n");
        let texts = [Error::from("No \"name\"\n"), borrowed.to_owned().into(), borrowed.into(), boxed.into()];
        for error in texts {
            assert_eq!(error.log_line(), None);
            assert_eq!(error.into_failure().message, "No \"name\"\n");
        }
        assert_eq!(Error::from("").into_failure().message, "");
    }

    #[test]
    fn the_log_has_the_sources_of_an_error() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl std::fmt::Display for Outer {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("the seat")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = Error::from(Outer("x".parse::<u8>().unwrap_err()));
        assert_eq!(error.log_line().unwrap(), "the seat: invalid digit found in string");
    }

    #[test]
    fn data_that_no_json_holds_is_left_out_and_logged() {
        let error = Error::new("no").data(&crate::Binary(vec![1]));
        assert!(error.log_line().unwrap().starts_with("the data of the error \"no\" was left out: "), "{:?}", error.log_line());
        assert_eq!(error.into_failure().data, None);
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
