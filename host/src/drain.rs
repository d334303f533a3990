//! Shutting down: no new connections, every connection closed, every `disconnect` handler called, within a deadline.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::engine::Engine;
use crate::reason::DisconnectReason;

/// The signals that end the server, SIGTERM and SIGINT, and the one at which it reads its configuration again, SIGHUP. A
/// terminal sends SIGHUP as well, when it is closed: that ends the server.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// The server was started from a terminal.
    has_terminal: bool,
}

/// What a signal asks for.
pub(crate) enum Received {
    /// The end.
    End,
    /// The configuration is to be read again.
    HangUp,
}

impl Signals {
    pub(crate) fn register() -> io::Result<Self> {
        let of = |kind| signal(kind);
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
            has_terminal: has_terminal(),
        })
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.terminate.recv() => Received::End,
            _ = self.interrupt.recv() => Received::End,
            // The terminal was closed, and whoever started the server there is gone.
            _ = self.hang_up.recv() => if self.has_terminal && !has_terminal() { Received::End } else { Received::HangUp },
        }
    }

    /// Resolves when the next signal arrives that ends the server.
    pub(crate) async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Whether this process has a terminal that can end it.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Closes every connection. Returns when the last `disconnect` handler has returned, at the deadline, or at a second signal.
pub(crate) async fn drain(engine: &Arc<Engine>, deadline: Duration, signals: &mut Signals) {
    let connections = engine.connections();
    tracing::info!(connections, deadline_s = deadline.as_secs_f64(), "shutting down; a second signal ends at once");
    engine.refuse_new();
    engine.close_all(DisconnectReason::ServerShuttingDown);
    tokio::select! {
        () = engine.ended() => tracing::info!("shut down"),
        () = tokio::time::sleep(deadline) => {
            tracing::warn!(connections = engine.connections(), "shut down at the deadline (drain_deadline), with handlers still running");
        }
        () = signals.first() => tracing::warn!(connections = engine.connections(), "shut down at once"),
    }
}
