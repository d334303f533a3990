//! Disconnect reasons: why a connection or a socket ended. What follows from a reason is decided here, not by comparing texts.

use innkeeper_contract::reasons;

/// A disconnect reason, as handlers of `disconnecting` and `disconnect` receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DisconnectReason {
    /// The connection was closed.
    TransportClose,
    /// The connection failed, or the client violated the transport's protocol.
    TransportError,
    /// A PONG did not arrive in time.
    PingTimeout,
    /// The client sent something that is no Engine.IO packet.
    ParseError,
    /// The client violated the Socket.IO protocol, or connected to no namespace in time. Node's server has the same reason for
    /// both.
    ForcedClose,
    /// `socket.disconnect()` of the client.
    ClientNamespaceDisconnect,
    /// A plugin disconnected the socket.
    ServerNamespaceDisconnect,
    /// The server shuts down.
    ServerShuttingDown,
    /// The client does not read what is sent to it. Socket.IO has no word for it.
    SlowConsumer,
    /// The client sends faster than its events are handled, in spite of pauses. Socket.IO has no word for it.
    InboundLimit,
    /// Connect middleware refused the socket, so it was never connected: no handler and no client ever sees this reason.
    Refused,
}

impl DisconnectReason {
    /// All reasons, in the order of their numbers.
    pub(crate) const ALL: [Self; 11] = [
        Self::TransportClose,
        Self::TransportError,
        Self::PingTimeout,
        Self::ParseError,
        Self::ForcedClose,
        Self::ClientNamespaceDisconnect,
        Self::ServerNamespaceDisconnect,
        Self::ServerShuttingDown,
        Self::SlowConsumer,
        Self::InboundLimit,
        Self::Refused,
    ];

    /// The reason as Socket.IO spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => reasons::TRANSPORT_CLOSE,
            Self::TransportError => reasons::TRANSPORT_ERROR,
            Self::PingTimeout => reasons::PING_TIMEOUT,
            Self::ParseError => reasons::PARSE_ERROR,
            Self::ForcedClose => reasons::FORCED_CLOSE,
            Self::ClientNamespaceDisconnect => reasons::CLIENT_NAMESPACE_DISCONNECT,
            Self::ServerNamespaceDisconnect => reasons::SERVER_NAMESPACE_DISCONNECT,
            Self::ServerShuttingDown => reasons::SERVER_SHUTTING_DOWN,
            Self::SlowConsumer => reasons::SLOW_CONSUMER,
            Self::InboundLimit => reasons::INBOUND_LIMIT,
            Self::Refused => "refused",
        }
    }

    /// Whether the server decided on the end: then events that have not started are dropped.
    pub(crate) const fn is_server_side(self) -> bool {
        match self {
            Self::ServerNamespaceDisconnect | Self::ServerShuttingDown | Self::SlowConsumer | Self::InboundLimit => true,
            Self::TransportClose
            | Self::TransportError
            | Self::PingTimeout
            | Self::ParseError
            | Self::ForcedClose
            | Self::ClientNamespaceDisconnect
            | Self::Refused => false,
        }
    }

    /// Whether the server disconnected the socket from its namespace while the connection goes on: then packets for the
    /// namespace that the client sent before it received DISCONNECT are ignored.
    pub(crate) const fn is_server_disconnect(self) -> bool {
        matches!(self, Self::ServerNamespaceDisconnect | Self::SlowConsumer)
    }
}
