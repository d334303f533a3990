//! Handlers are plain functions: `fn(&Socket, A1, …, An) -> R`.
//!
//! [`Arguments`](crate::Arguments) reads their arguments.

use crate::error::{Error, Result};
use crate::event::{Ack, Event, IntoReply};
use crate::payload::Payload;
use crate::socket::Socket;
use serde::de::DeserializeOwned;
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
macro_rules! handlers {
    ($($argument:ident)*) => {
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

handlers!();
handlers!(A1);
handlers!(A1 A2);
handlers!(A1 A2 A3);
handlers!(A1 A2 A3 A4);
handlers!(A1 A2 A3 A4 A5);
handlers!(A1 A2 A3 A4 A5 A6);

/// What middleware and the handlers of a socket's life may return: `()` or a `Result` of it.
#[diagnostic::on_unimplemented(message = "this cannot return `{Self}`", note = "return `()` or `Result<()>`")]
pub trait IntoDone {
    /// How the function ended.
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

/// A handler of `connection`: `fn(&Socket)`, or `fn(&Socket, &str)` for the kind.
#[diagnostic::on_unimplemented(
    message = "this is not a handler of connections",
    note = "it must be `fn(&Socket)` or `fn(&Socket, &str)`, and return `()` or `Result<()>`"
)]
pub trait Lifecycle<Takes>: 'static {
    /// Runs the function.
    #[doc(hidden)]
    fn call(&self, socket: &Socket, kind: &str) -> Result<()>;
}

impl<F, R> Lifecycle<()> for F
where
    F: Fn(&Socket) -> R + 'static,
    R: IntoDone,
{
    fn call(&self, socket: &Socket, _kind: &str) -> Result<()> {
        self(socket).into_done()
    }
}

impl<F, R> Lifecycle<&'static str> for F
where
    F: Fn(&Socket, &str) -> R + 'static,
    R: IntoDone,
{
    fn call(&self, socket: &Socket, kind: &str) -> Result<()> {
        self(socket, kind).into_done()
    }
}
