//! Whether the server serves: it starts, it is ready, it drains.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

/// What the internal interface reports of the server.
#[derive(Clone)]
pub(crate) struct Status {
    /// Set when the plugins are loaded and the clients' listener accepts; then true as soon as the server shuts down.
    shutting_down: Arc<OnceLock<watch::Receiver<bool>>>,
    /// Plugins that are not required, and could not be loaded. Set before `shutting_down`.
    not_loaded: Arc<OnceLock<NotLoaded>>,
    /// Writes the page of `/metrics`.
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The plugins of the configuration that are not there now.
pub(crate) type NotLoaded = Box<dyn Fn() -> Vec<String> + Send + Sync>;

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
        Self { shutting_down: Arc::default(), not_loaded: Arc::default(), metrics: Arc::new(metrics) }
    }

    /// The server serves, without these plugins, until `shutting_down` becomes true.
    pub(crate) fn set_ready(&self, not_loaded: NotLoaded, shutting_down: watch::Receiver<bool>) {
        let _set_before = self.not_loaded.set(not_loaded);
        let _set_before = self.shutting_down.set(shutting_down);
    }

    pub(super) fn phase(&self) -> Phase {
        match self.shutting_down.get().map(|shutting_down| *shutting_down.borrow()) {
            None => Phase::Starting,
            Some(false) => Phase::Ready,
            Some(true) => Phase::Draining,
        }
    }

    pub(super) fn not_loaded(&self) -> Vec<String> {
        self.not_loaded.get().map(|not_loaded| not_loaded()).unwrap_or_default()
    }

    pub(super) fn metrics(&self) -> String {
        (self.metrics)()
    }
}
