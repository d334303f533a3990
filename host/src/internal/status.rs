//! Whether the server serves: it starts, it is ready, it drains.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

/// What the internal interface reports of the server.
#[derive(Clone)]
pub(crate) struct Status {
    /// Set when the plugins are loaded and the clients' listener accepts; then true as soon as the server shuts down.
    shutting_down: Arc<OnceLock<watch::Receiver<bool>>>,
    /// What is missing of a server that serves. Set before `shutting_down`.
    missing: Arc<OnceLock<LookForMissing>>,
    /// Writes the page of `/metrics`.
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What of the configuration is not there now.
pub(crate) type LookForMissing = Box<dyn Fn() -> Missing + Send + Sync>;

/// What a server serves without.
#[derive(Default)]
pub(crate) struct Missing {
    /// Plugins that are not required, and could not be loaded.
    pub(crate) plugins: Vec<String>,
    /// Connections to Redis that are down, with the seconds since they are.
    pub(crate) redis_down_s: Vec<(&'static str, f64)>,
    /// Whether the operator wants no clients without Redis.
    pub(crate) redis_is_required: bool,
}

/// The life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Ready,
    Draining,
}

impl Status {
    /// A server that starts.
    pub(crate) fn starting(metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { shutting_down: Arc::default(), missing: Arc::default(), metrics: Arc::new(metrics) }
    }

    /// The server serves, without what is missing, until `shutting_down` becomes true.
    pub(crate) fn set_ready(&self, missing: LookForMissing, shutting_down: watch::Receiver<bool>) {
        let _set_before = self.missing.set(missing);
        let _set_before = self.shutting_down.set(shutting_down);
    }

    pub(super) fn phase(&self) -> Phase {
        match self.shutting_down.get().map(|shutting_down| *shutting_down.borrow()) {
            None => Phase::Starting,
            Some(false) => Phase::Ready,
            Some(true) => Phase::Draining,
        }
    }

    pub(super) fn missing(&self) -> Missing {
        self.missing.get().map(|missing| missing()).unwrap_or_default()
    }

    pub(super) fn metrics(&self) -> String {
        (self.metrics)()
    }
}
