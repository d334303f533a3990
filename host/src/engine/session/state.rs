//! What a session consists of, and the states that it goes through.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    engine::{
        addresses::Permit, heartbeat::Heartbeat, inbound::Inbound, outbox::Outbox, polling::HeldRequests, probe::Probe,
        protocol::Protocol, server::Engine, session_end::Delivery, session_id::SessionId, tasks::TaskGuard, websocket::Websocket,
    },
    event_loops::Seat,
};

/// One session. Its task owns it.
pub(super) struct Session {
    pub(super) engine: Arc<Engine>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) protocol: Box<dyn Protocol>,
    pub(super) transport: Transport,
    pub(super) probe: Option<Box<Probe>>,
    pub(super) heartbeat: Heartbeat,
    pub(super) pause: Pause,
    pub(super) state: SessionState,
    /// `protocol` has nothing left to do.
    pub(super) is_protocol_done: bool,
    pub(super) session_id: SessionId,
    pub(super) _permit: Permit,
    pub(super) _seat: Seat,
    pub(super) _task: TaskGuard,
}

pub(super) enum Transport {
    Websocket(Websocket),
    Polling(HeldRequests),
}

/// Whether reading pauses because the protocol side has more to do than it accepts.
pub(super) enum Pause {
    /// Reading goes on.
    No,
    /// Reading pauses, at the latest until this moment; longer, and the client's PONG would not be read in time.
    Until(Instant),
    /// The pause has lasted long enough. Reading goes on until the protocol side accepts again; only then may it pause anew.
    Over,
}

#[derive(Clone, Copy)]
pub(super) enum SessionState {
    Open,
    /// `protocol` has been closed. The client still gets this.
    Closing {
        until: Instant,
        delivery: Delivery,
    },
    /// The session has no transport any more.
    Gone,
}

impl Session {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, SessionState::Open)
    }

    /// The transport, and everything that a packet from the client may change.
    pub(super) fn transport_and_inbound(&mut self) -> (&mut Transport, Inbound<'_>) {
        let inbound = Inbound {
            protocol: &mut *self.protocol,
            heartbeat: &mut self.heartbeat,
            ping_interval: self.engine.options.ping_interval,
        };
        (&mut self.transport, inbound)
    }
}
