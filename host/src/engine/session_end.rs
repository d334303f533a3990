//! How a session ends: the reason, and what the client still receives.

use super::decoder::Violation;
use crate::reason::DisconnectReason;

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionEnd {
    pub(super) reason: DisconnectReason,
    pub(super) delivery: Delivery,
}

/// What the client still receives. The number is the code of the websocket's close frame. A polling client gets CLOSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Everything that is queued, then the close.
    Flush(u16),
    /// Only the close.
    CloseOnly(u16),
    /// As `CloseOnly`, and the client is not expected to answer: it has sent its close frame, or what it sends cannot be decoded.
    Answer(u16),
    /// The client has sent CLOSE. It closes its websocket itself; its poll gets NOOP.
    LeftToClient,
    /// Nothing: the client is gone. The stream is dropped.
    Nothing,
}

impl SessionEnd {
    pub(super) const fn new(reason: DisconnectReason, delivery: Delivery) -> Self {
        Self { reason, delivery }
    }

    /// The end after a violation of RFC 6455.
    pub(super) fn violation(violation: Violation) -> Self {
        Self::new(DisconnectReason::TransportError, Delivery::Answer(violation.code()))
    }
}
