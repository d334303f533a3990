//! What may be asked of the task that swaps plugins, and why it refuses.

use std::fmt;

use crate::auth::Keys;
use crate::config::Config;

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

/// What a configuration is to be with, besides itself.
pub(crate) struct Reread {
    pub(crate) config: Config,
    /// Of its `[keys]`.
    pub(crate) keys: Keys,
}
