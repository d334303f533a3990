//! Handlers are plain functions: `fn(&Socket, A1, …, An) -> R`.

use crate::error::{Error, Result};
use crate::socket::Socket;

/// A function that handles an event. It takes the socket, then up to six [`Argument`](crate::Argument)s:
/// - types that serde can read; where the client sent fewer, they read as null, so that `Option` is optional;
/// - then perhaps a [`Spread`](crate::Spread) or a [`Payload`](crate::Payload): all arguments that are left;
/// - then perhaps an [`Ack`](crate::Ack).
///
/// Or an [`Event`](crate::Event), for its name. It returns `()`, [`Reply`](crate::Reply), an `Option` of one, or a `Result` of these.
/// A closure has to name the socket's type: `|socket: &Socket, room: String| …`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not take what a handler of events takes",
    label = "not `fn(&Socket, …)` with up to 6 arguments that it owns",
    note = "the first argument is `&Socket`; then come up to 6, for more of them there is `Spread<T>` or `Payload`",
    note = "arguments are owned: `String`, not `&str`; `Vec<T>`, not `&[T]`"
)]
pub trait Handler<Takes, Returns>: 'static {
    /// Runs the function.
    #[doc(hidden)]
    fn call(&self, socket: &Socket, takes: Takes) -> Returns;
}

/// What holds for each number of arguments. What they and the result have to be is said where handlers are added, not here: so the
/// compiler names the one that does not fit, instead of the whole function.
macro_rules! handlers {
    ($($argument:ident)*) => {
        impl<F, R, $($argument),*> Handler<($($argument,)*), R> for F
        where
            F: Fn(&Socket, $($argument),*) -> R + 'static,
        {
            #[allow(non_snake_case, reason = "each argument is named by its type")]
            fn call(&self, socket: &Socket, takes: ($($argument,)*)) -> R {
                let ($($argument,)*) = takes;
                self(socket, $($argument),*)
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
handlers!(A1 A2 A3 A4 A5 A6 A7);

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
    message = "`{Self}` does not take what a handler of connections takes",
    label = "not `fn(&Socket)` or `fn(&Socket, &str)`"
)]
pub trait Lifecycle<Takes, Returns>: 'static {
    /// Runs the function.
    #[doc(hidden)]
    fn call(&self, socket: &Socket, kind: &str) -> Returns;
}

impl<F, R> Lifecycle<(), R> for F
where
    F: Fn(&Socket) -> R + 'static,
{
    fn call(&self, socket: &Socket, _kind: &str) -> R {
        self(socket)
    }
}

impl<F, R> Lifecycle<&'static str, R> for F
where
    F: Fn(&Socket, &str) -> R + 'static,
{
    fn call(&self, socket: &Socket, kind: &str) -> R {
        self(socket, kind)
    }
}
