//! Shutting down: no new connections, every connection closed, every `disconnect` handler called, within a deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::engine::Engine;
use crate::reason::DisconnectReason;

/// The signals that end the server: SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn register() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Resolves when the next signal arrives.
    pub(crate) async fn first(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
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
