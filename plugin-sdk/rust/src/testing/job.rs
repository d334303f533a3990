//! Jobs: chains of calls. Handlers are plain functions that block in a question, so each job has a thread of its own.

use super::ids::SocketIndex;
use super::node_state::IncomingServerEvent;
use super::queue::IncomingEvent;
use super::timers::DueTimer;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

/// A job that has started and not ended.
pub(super) struct Job {
    pub(super) socket: Option<SocketIndex>,
    /// The plugin whose call without a socket it is.
    pub(super) plugin: Option<usize>,
    /// None while it runs.
    pub(super) wait: Option<Wait>,
    /// Whether the socket's next event may start while the job waits, whatever it waits for.
    pub(super) is_overtakable: bool,
    pub(super) resumptions: Sender<Resumption>,
    pub(super) thread: Option<JoinHandle<()>>,
}

/// What a job waits for.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    pub(super) waits_for: WaitFor,
    pub(super) until: Duration,
    /// When the call fails, whatever it waits for.
    pub(super) ends_at: Duration,
}

#[derive(Clone, Copy)]
pub(super) enum WaitFor {
    /// The clock alone.
    Time,
    /// The answers to a question.
    Clients(usize),
    /// The answers of other nodes to a question.
    Servers(usize),
}

/// How a job that waited goes on.
pub(super) enum Resumption {
    Continue,
    /// The call of the job took too long: it ends where it stands.
    Abort,
}

/// A job to start.
pub(super) enum JobStart {
    Connect { socket: SocketIndex },
    Event { socket: SocketIndex, event: IncomingEvent },
    Timer { plugin: usize, socket: Option<SocketIndex>, due: DueTimer },
    Disconnect { socket: SocketIndex, reason: String },
    Plugin { plugin: usize },
    ServerEvent { plugin: usize, event: IncomingServerEvent },
}

impl JobStart {
    /// The socket in whose queue it runs.
    pub(super) fn socket(&self) -> Option<SocketIndex> {
        match self {
            Self::Connect { socket } | Self::Event { socket, .. } | Self::Disconnect { socket, .. } => Some(*socket),
            Self::Timer { socket, .. } => *socket,
            Self::Plugin { .. } | Self::ServerEvent { .. } => None,
        }
    }

    /// The plugin whose call without a socket it is.
    pub(super) fn plugin(&self) -> Option<usize> {
        match self {
            Self::Timer { plugin, socket: None, .. } | Self::Plugin { plugin } | Self::ServerEvent { plugin, .. } => {
                Some(*plugin)
            }
            _ => None,
        }
    }
}
