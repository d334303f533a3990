//! Why a socket was disconnected.

use crate::error::Result;
use crate::handler::IntoDone;
use crate::socket::Socket;
use serde::de::DeserializeOwned;

/// Why a socket was disconnected, as handlers of `disconnecting` and `disconnect` get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    reason: String,
    details: Option<String>,
}

impl Disconnect {
    pub(crate) fn new(reason: String, details: Option<String>) -> Self {
        Self { reason, details }
    }

    /// One of Socket.IO's reasons, such as `transport close`.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The second argument of Node's handler: what the transport reported about the end. `None` if it reported nothing.
    ///
    /// # Errors
    /// If the details are of another type.
    pub fn details<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        Ok(self.details.as_deref().map(serde_json::from_str).transpose()?)
    }
}

/// A function called when a socket has disconnected: `fn(&Socket)`, `fn(&Socket, &str)` for the reason, or
/// `fn(&Socket, &Disconnect)`.
#[diagnostic::on_unimplemented(
    message = "this is not a handler of disconnects",
    note = "it must be `fn(&Socket)`, `fn(&Socket, &str)` or `fn(&Socket, &Disconnect)`, and return `()` or `Result<()>`"
)]
pub trait DisconnectHandler<Takes>: 'static {
    /// Runs the function.
    #[doc(hidden)]
    fn call(&self, socket: &Socket, disconnect: &Disconnect) -> Result<()>;
}

impl<F, R> DisconnectHandler<()> for F
where
    F: Fn(&Socket) -> R + 'static,
    R: IntoDone,
{
    fn call(&self, socket: &Socket, _disconnect: &Disconnect) -> Result<()> {
        self(socket).into_done()
    }
}

impl<F, R> DisconnectHandler<&'static str> for F
where
    F: Fn(&Socket, &str) -> R + 'static,
    R: IntoDone,
{
    fn call(&self, socket: &Socket, disconnect: &Disconnect) -> Result<()> {
        self(socket, &disconnect.reason).into_done()
    }
}

impl<F, R> DisconnectHandler<&'static Disconnect> for F
where
    F: Fn(&Socket, &Disconnect) -> R + 'static,
    R: IntoDone,
{
    fn call(&self, socket: &Socket, disconnect: &Disconnect) -> Result<()> {
        self(socket, disconnect).into_done()
    }
}

#[cfg(test)]
mod tests {
    use super::Disconnect;
    use serde_json::{Value, json};

    #[test]
    fn details_are_there_if_the_transport_gave_some() {
        let details =
            |text: Option<&str>| Disconnect::new("transport close".into(), text.map(Into::into)).details::<Value>().unwrap();
        assert_eq!(details(None), None);
        assert_eq!(
            details(Some(r#"{"description":"websocket has been closed"}"#)),
            Some(json!({"description": "websocket has been closed"}))
        );
    }
}
