//! Handlers are plain functions: `fn(&Socket, A1, …, An) -> R`.
//!
//! The arguments are read straight from the text into their types, in one pass and without a tree in between.

use crate::binary;
use crate::error::{Error, Result};
use crate::event::{Ack, Event, IntoReply};
use crate::payload::Payload;
use crate::socket::Socket;
use serde::de::{DeserializeOwned, Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A function that handles an event. It takes the socket, then one of
/// - up to six arguments that serde can read; where the client sent fewer, they read as null, so that `Option` is optional;
/// - such arguments and, at the end, an [`Ack`];
/// - a [`Payload`]: all arguments, unread;
/// - an [`Event`].
///
/// It returns `()`, [`Reply`](crate::Reply), or a `Result` of these. A closure has to name the socket's type:
/// `|socket: &Socket, room: String| …`.
#[diagnostic::on_unimplemented(
    message = "this is not a handler of events",
    note = "it must be `fn(&Socket, …) -> R` with up to 6 arguments that implement `Deserialize`, then perhaps an `Ack`; or with \
            one `Payload` or `Event`; and `R` must be `()`, `Reply<_>`, or a `Result` of these"
)]
pub trait Handler<Takes>: 'static {
    /// Runs the function.
    #[doc(hidden)]
    fn call(&self, socket: &Socket, event: Event) -> Result<Option<Payload>>;
}

/// Several typed arguments: a tuple of up to six types that serde can read.
pub trait Arguments: Sized {
    /// Reads them from the front of the array.
    #[doc(hidden)]
    fn take<'de, S: SeqAccess<'de>>(source: &mut Source<S>) -> Result<Self>;

    /// Reads them from a payload.
    #[doc(hidden)]
    fn read(payload: Payload) -> Result<Self> {
        let Payload { args, attachments } = payload;
        binary::reading(attachments, || {
            let mut taken = None;
            let collect = Collect { taken: &mut taken };
            let end = serde_json::Deserializer::from_str(&args).deserialize_seq(collect);
            // Arguments that nobody took are left unread, which serde_json calls an error; they were validated by the host.
            match (taken, end) {
                (Some(taken), _) => taken,
                (None, end) => Err(Error::invalid_argument(match end {
                    Err(error) => format!("the arguments are no array: {error}"),
                    Ok(()) => "the arguments are no array".to_owned(),
                })),
            }
        })
    }
}

/// The array that arguments are taken from.
#[doc(hidden)]
pub struct Source<S> {
    rest: S,
    taken: usize,
}

impl<S> fmt::Debug for Source<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Source({} taken)", self.taken)
    }
}

impl<'de, S: SeqAccess<'de>> Source<S> {
    fn next<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.taken += 1;
        match self.rest.next_element::<T>() {
            Ok(Some(argument)) => Ok(argument),
            Ok(None) => serde_json::from_str("null").map_err(|_| self.error("missing")),
            Err(error) => Err(self.error(without_position(&error.to_string()))),
        }
    }

    fn error(&self, why: &str) -> Error {
        Error::invalid_argument(format!("argument {}: {why}", self.taken))
    }
}

/// A position in a text that the client has never seen as a text says nothing.
fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(before, _)| before)
}

/// Lets serde_json hand us the array.
struct Collect<'a, A> {
    taken: &'a mut Option<Result<A>>,
}

impl<'de, A: Arguments> Visitor<'de> for Collect<'_, A> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the array of an event's arguments")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, rest: S) -> Result<(), S::Error> {
        *self.taken = Some(A::take(&mut Source { rest, taken: 0 }));
        Ok(())
    }
}

/// Marks handlers whose last argument is an ack.
#[doc(hidden)]
#[derive(Debug)]
pub struct AndAck<A>(PhantomData<A>);

impl<F, R> Handler<Payload> for F
where
    F: Fn(&Socket, Payload) -> R + 'static,
    R: IntoReply,
{
    fn call(&self, socket: &Socket, event: Event) -> Result<Option<Payload>> {
        self(socket, event.into_payload()).into_reply()
    }
}

impl<F, R> Handler<Event> for F
where
    F: Fn(&Socket, Event) -> R + 'static,
    R: IntoReply,
{
    fn call(&self, socket: &Socket, event: Event) -> Result<Option<Payload>> {
        self(socket, event).into_reply()
    }
}

/// What holds for each number of arguments.
macro_rules! arguments {
    ($($argument:ident)*) => {
        impl<$($argument: DeserializeOwned),*> Arguments for ($($argument,)*) {
            fn take<'de, Rest: SeqAccess<'de>>(source: &mut Source<Rest>) -> Result<Self> {
                let _ = &source;
                Ok(($(source.next::<$argument>()?,)*))
            }
        }

        impl<F, R, $($argument: DeserializeOwned),*> Handler<($($argument,)*)> for F
        where
            F: Fn(&Socket, $($argument),*) -> R + 'static,
            R: IntoReply,
        {
            #[allow(non_snake_case, reason = "each argument is named by its type")]
            fn call(&self, socket: &Socket, mut event: Event) -> Result<Option<Payload>> {
                let ($($argument,)*) = event.read()?;
                self(socket, $($argument),*).into_reply()
            }
        }

        impl<F, R, $($argument: DeserializeOwned),*> Handler<AndAck<($($argument,)*)>> for F
        where
            F: Fn(&Socket, $($argument,)* Ack) -> R + 'static,
            R: IntoReply,
        {
            #[allow(non_snake_case, reason = "each argument is named by its type")]
            fn call(&self, socket: &Socket, mut event: Event) -> Result<Option<Payload>> {
                let ($($argument,)*) = event.read()?;
                self(socket, $($argument,)* event.ack().clone()).into_reply()
            }
        }
    };
}

arguments!();
arguments!(A1);
arguments!(A1 A2);
arguments!(A1 A2 A3);
arguments!(A1 A2 A3 A4);
arguments!(A1 A2 A3 A4 A5);
arguments!(A1 A2 A3 A4 A5 A6);

/// What middleware and the handlers of a socket's life may return: `()` or a `Result` of it.
#[diagnostic::on_unimplemented(message = "this cannot return `{Self}`", note = "return `()` or `Result<()>`")]
pub trait IntoDone {
    /// How it ended.
    #[doc(hidden)]
    fn into_done(self) -> Result<()>;
}

impl IntoDone for () {
    fn into_done(self) -> Result<()> {
        Ok(())
    }
}

impl<E: Into<Error>> IntoDone for std::result::Result<(), E> {
    fn into_done(self) -> Result<()> {
        self.map_err(Into::into)
    }
}

/// A function called when a socket comes or goes: `fn(&Socket)`, or `fn(&Socket, &str)` to hear the kind or the reason.
#[diagnostic::on_unimplemented(
    message = "this is not a handler of connections",
    note = "it must be `fn(&Socket)` or `fn(&Socket, &str)`, and return `()` or `Result<()>`"
)]
pub trait Lifecycle<Takes>: 'static {
    /// Runs the function.
    #[doc(hidden)]
    fn call(&self, socket: &Socket, word: &str) -> Result<()>;
}

impl<F, R> Lifecycle<()> for F
where
    F: Fn(&Socket) -> R + 'static,
    R: IntoDone,
{
    fn call(&self, socket: &Socket, _word: &str) -> Result<()> {
        self(socket).into_done()
    }
}

impl<F, R> Lifecycle<&'static str> for F
where
    F: Fn(&Socket, &str) -> R + 'static,
    R: IntoDone,
{
    fn call(&self, socket: &Socket, word: &str) -> Result<()> {
        self(socket, word).into_done()
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use crate::Binary;
    use crate::payload::Payload;

    fn read<A: Arguments>(args: &str) -> Result<A, String> {
        Payload { args: args.to_owned(), attachments: vec![vec![1, 2]] }.read::<A>().map_err(|error| error.to_string())
    }

    #[test]
    fn an_argument_that_does_not_fit_is_named_by_its_place() {
        assert_eq!(
            read::<(String, u8)>(r#"["a",300]"#).unwrap_err(),
            "argument 2: invalid value: integer `300`, expected u8 (INVALID_ARGUMENT)"
        );
        assert_eq!(
            read::<(String,)>("[7]").unwrap_err(),
            "argument 1: invalid type: integer `7`, expected a string (INVALID_ARGUMENT)"
        );
        assert_eq!(read::<(String, u8)>(r#"["a"]"#).unwrap_err(), "argument 2: missing (INVALID_ARGUMENT)");
        assert_eq!(read::<(Binary,)>(r#"["a"]"#).unwrap_err(), "argument 1: expected binary data (INVALID_ARGUMENT)");
    }

    #[test]
    fn missing_arguments_are_null_and_spare_ones_are_left_alone() {
        assert_eq!(read(r#"["a"]"#), Ok(("a".to_owned(), None::<u8>)));
        assert_eq!(read(r#"["a",{"b":[1]},3]"#), Ok(("a".to_owned(),)));
        assert_eq!(read(r#"["a"]"#), Ok(()));
    }

    #[test]
    fn binary_arguments_are_found_at_any_depth() {
        let (list,): (Vec<Binary>,) = read(r#"[[{"_placeholder":true,"num":0}]]"#).unwrap();
        assert_eq!(list, [Binary(vec![1, 2])]);
    }
}
