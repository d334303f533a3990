//! Why a socket was disconnected.

use crate::error::Result;
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
    message = "`{Self}` does not take what a handler of disconnects takes",
    label = "not `fn(&Socket)`, `fn(&Socket, &str)` or `fn(&Socket, &Disconnect)`"
)]
pub trait DisconnectHandler<Takes, Returns>: 'static {
    /// Runs the function.
    #[doc(hidden)]
    fn call(&self, socket: &Socket, disconnect: &Disconnect) -> Returns;
}

impl<F, R> DisconnectHandler<(), R> for F
where
    F: Fn(&Socket) -> R + 'static,
{
    fn call(&self, socket: &Socket, _disconnect: &Disconnect) -> R {
        self(socket)
    }
}

impl<F, R> DisconnectHandler<&'static str, R> for F
where
    F: Fn(&Socket, &str) -> R + 'static,
{
    fn call(&self, socket: &Socket, disconnect: &Disconnect) -> R {
        self(socket, &disconnect.reason)
    }
}

impl<F, R> DisconnectHandler<&'static Disconnect, R> for F
where
    F: Fn(&Socket, &Disconnect) -> R + 'static,
{
    fn call(&self, socket: &Socket, disconnect: &Disconnect) -> R {
        self(socket, disconnect)
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
