//! Which generation of each plugin serves.
//!
//! One task owns all loading and swapping: the watcher of files, the admin interface and SIGHUP send it what they want changed, and it
//! does one thing after the other. A change has happened whole when it is answered, or it has not happened, and the answer says why.

mod probation;
mod reload;
mod shelf;
mod slot;
mod takeover;
mod task;
mod watch;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::fixed_limits::CHANGES_WAITING_MAX;

pub(crate) use reload::Reread;
pub(crate) use shelf::{Kept, Shelf};
pub(crate) use task::{GenerationsTask, Parts};
pub(crate) use watch::watch;

/// Asks for changes, and reads what serves. Cloned for everybody who does.
#[derive(Clone)]
pub(crate) struct Generations {
    changes: mpsc::Sender<Asked>,
    /// What serves, as the task has published it.
    views: Arc<ArcSwap<Vec<PluginView>>>,
}

/// What somebody asks for, and where the answer goes.
enum Asked {
    Change(Change, oneshot::Sender<Result<PluginView, Refusal>>),
    /// The plugins are to be those of a configuration.
    Reload(Box<Reread>, oneshot::Sender<Result<(), Refusal>>),
}

/// What somebody wants changed.
#[derive(Debug)]
pub(crate) struct Change {
    /// The name of its table in the configuration.
    pub(crate) plugin: String,
    pub(crate) what: What,
    /// Who asks, for the log: `file`, `admin`, `SIGHUP`, `probation`.
    pub(crate) by: &'static str,
}

#[derive(Debug)]
pub(crate) enum What {
    /// Another component takes over. With the content that serves already nothing happens, unless `again`.
    Swap {
        component: NewComponent,
        again: bool,
    },
    /// A generation before the one that serves takes over again: that of this digest, or the last.
    Rollback {
        to: Option<String>,
    },
    /// A plugin of the configuration that is not loaded is loaded from its file.
    Load,
    /// The plugin is not called any more; what only it served is gone.
    Unload,
    /// No change of its file, and no failure, brings another generation until `Resume`.
    Pause,
    Resume,
}

/// Where a component comes from.
pub(crate) enum NewComponent {
    /// The file of the configuration.
    File,
    /// The component itself.
    Bytes(Vec<u8>),
}

impl fmt::Debug for NewComponent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => out.write_str("its file"),
            Self::Bytes(bytes) => write!(out, "{} bytes", bytes.len()),
        }
    }
}

/// Why nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no plugin {0:?} in the configuration")]
    NoPlugin(String),
    /// The component, or the configuration, does not fit; the sentence says what to do.
    #[error("{0}")]
    Refused(String),
    /// It does not fit what is there now: nothing to roll back to, loaded already, not loaded.
    #[error("{0}")]
    Conflict(String),
    #[error("the server is busy with other changes, or shuts down; try again")]
    Busy,
}

/// A plugin, for operators.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PluginView {
    pub(crate) name: String,
    /// `serving`, `probation`, `paused`, `unloaded`.
    pub(crate) status: &'static str,
    /// The generation that serves.
    pub(crate) generation: Option<GenerationView>,
    /// Those before it that can be rolled back to, the last first.
    pub(crate) previous: Vec<GenerationView>,
    /// The components that served and are kept on disk, the last first, what serves included.
    pub(crate) kept: Vec<Kept>,
    /// Why the last change was refused or taken back, until the next one.
    pub(crate) last_problem: Option<String>,
}

/// One loaded version of a plugin, for operators.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GenerationView {
    pub(crate) number: u64,
    /// SHA-256 of the component, in hexadecimal digits.
    pub(crate) digest: String,
    /// `pooled` or `shared`.
    pub(crate) mode: &'static str,
    /// What made the component.
    pub(crate) sdk: String,
    pub(crate) namespaces: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    /// When it began to serve, in milliseconds since 1970 (UTC).
    pub(crate) since_ms: u64,
}

impl Generations {
    /// The handle, and what the task takes from it.
    fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (changes, asked) = mpsc::channel(CHANGES_WAITING_MAX);
        (Self { changes, views: Arc::default() }, asked)
    }

    /// Asks for a change and waits until it has happened, or was refused. It goes on if the future is dropped.
    pub(crate) async fn change(&self, change: Change) -> Result<PluginView, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.changes.try_send(Asked::Change(change, answer)).map_err(|_| Refusal::Busy)?;
        answered.await.map_err(|_| Refusal::Busy)?
    }

    /// Makes the plugins those of a configuration that was read again: all of it, or nothing.
    pub(crate) async fn reload(&self, reread: Reread) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        self.changes.try_send(Asked::Reload(Box::new(reread), answer)).map_err(|_| Refusal::Busy)?;
        answered.await.map_err(|_| Refusal::Busy)?
    }

    /// The plugins of the configuration, in its order.
    pub(crate) fn list(&self) -> Arc<Vec<PluginView>> {
        self.views.load_full()
    }
}
