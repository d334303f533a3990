//! One connection for the questions of plugins, with a breaker: where Redis does not answer, nobody waits for it any more, until it does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value, cmd};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::answer::server_error;
use super::backoff::Backoff;
use super::link::RedisLink;

/// How long an answer is awaited.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);
/// So many questions in a row without an answer, and nobody asks any more.
const FAILURES_IN_A_ROW: u32 = 5;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    /// Redis is away, or did not answer in time: what was asked may have been done.
    #[error("Redis does not answer")]
    Away,
    /// Redis refuses, with its own words.
    #[error("{0}")]
    Refused(String),
}

/// Questions to Redis.
pub(crate) struct Commands {
    link: RedisLink,
    guarded: Mutex<Guarded>,
    /// A connection is wanted, or has failed.
    wanted: Notify,
    timeouts: AtomicU64,
    opened: AtomicU64,
    refused: AtomicU64,
}

/// The connection, and how it does.
#[derive(Default)]
struct Guarded {
    connection: Option<MultiplexedConnection>,
    /// Which connection that is, so that the failure of an old one is not taken for its own.
    number: u64,
    failures: u32,
    /// Since when the breaker is open.
    open_since: Option<Instant>,
    /// Redis was reached at least once.
    was_up: bool,
    /// What Redis refuses now, so that it is logged once.
    refusal: Option<String>,
}

/// What the page of `/metrics` shows.
pub(crate) struct CommandFigures {
    pub(crate) is_up: bool,
    pub(crate) timeouts: u64,
    pub(crate) refused: u64,
    pub(crate) opened: u64,
}

impl Commands {
    /// Connects, and keeps trying, until the runtime ends.
    pub(crate) fn start(link: RedisLink) -> Arc<Self> {
        let commands = Arc::new(Self {
            link,
            guarded: Mutex::default(),
            wanted: Notify::new(),
            timeouts: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        tokio::spawn(commands.clone().keep());
        commands
    }

    /// Asks, and awaits the answer for a quarter of a second. Where Redis has not answered others lately, the error comes at once.
    pub(crate) async fn ask(&self, command: &Cmd) -> Result<Value, CommandError> {
        let (mut connection, number) = self.connection()?;
        match timeout(ANSWER_TIMEOUT, connection.send_packed_command(command)).await {
            Ok(Ok(value)) => {
                self.succeeded();
                match server_error(&value) {
                    Some(what) => Err(self.refusal(what)),
                    None => {
                        self.accepted();
                        Ok(value)
                    }
                }
            }
            Ok(Err(error)) if error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() => {
                self.lost(number, &error.to_string());
                Err(CommandError::Away)
            }
            Ok(Err(error)) => {
                self.succeeded();
                let what = error
                    .code()
                    .map_or_else(|| error.to_string(), |code| format!("{code} {}", error.detail().unwrap_or_default()));
                Err(self.refusal(what))
            }
            Err(_) => {
                self.timeouts.fetch_add(1, Ordering::Relaxed);
                self.failed("it does not answer in time");
                Err(CommandError::Away)
            }
        }
    }

    /// Whether Redis answers, as far as is known.
    pub(crate) fn is_up(&self) -> bool {
        let guarded = self.lock();
        guarded.connection.is_some() && guarded.open_since.is_none()
    }

    pub(crate) fn figures(&self) -> CommandFigures {
        // Relaxed: each stands for itself.
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CommandFigures {
            is_up: self.is_up(),
            timeouts: read(&self.timeouts),
            refused: read(&self.refused),
            opened: read(&self.opened),
        }
    }

    fn connection(&self) -> Result<(MultiplexedConnection, u64), CommandError> {
        let guarded = self.lock();
        match &guarded.connection {
            Some(connection) if guarded.open_since.is_none() => Ok((connection.clone(), guarded.number)),
            _ => Err(CommandError::Away),
        }
    }

    fn succeeded(&self) {
        self.lock().failures = 0;
    }

    /// Redis answers and refuses: out of memory, a replica, a user without the right. Others may be answered, so that opens no breaker.
    fn refusal(&self, what: String) -> CommandError {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let code = what.split([':', ' ']).next().unwrap_or_default().to_owned();
        // Those of a script that refuses what it was given are answers, and no news.
        let is_news =
            ["OOM", "READONLY", "NOPERM", "NOAUTH", "MISCONF", "MASTERDOWN", "LOADING", "NOREPLICAS"].contains(&code.as_str());
        if is_news && self.lock().refusal.replace(code.clone()).as_deref() != Some(&code) {
            tracing::error!(address = self.link.address(), "Redis refuses what plugins store: {what}");
        }
        CommandError::Refused(what)
    }

    fn accepted(&self) {
        if self.lock().refusal.take().is_some() {
            tracing::info!(address = self.link.address(), "Redis takes what plugins store again");
        }
    }

    fn failed(&self, why: &str) {
        let mut guarded = self.lock();
        guarded.failures = guarded.failures.saturating_add(1);
        if guarded.failures >= FAILURES_IN_A_ROW {
            self.open(&mut guarded, why);
        }
    }

    /// A connection is gone: with it all that was asked over it.
    fn lost(&self, number: u64, why: &str) {
        let mut guarded = self.lock();
        if guarded.number == number && guarded.connection.take().is_some() {
            self.open(&mut guarded, why);
        }
    }

    fn open(&self, guarded: &mut Guarded, why: &str) {
        if guarded.open_since.is_none() {
            guarded.open_since = Some(Instant::now());
            self.opened.fetch_add(1, Ordering::Relaxed);
            let address = self.link.address();
            tracing::error!(
                address,
                "Redis is away: {why}; the store answers `unavailable`, limits of rate do as `on_failure` says"
            );
        }
        self.wanted.notify_one();
    }

    fn close(&self) {
        let mut guarded = self.lock();
        guarded.failures = 0;
        guarded.was_up = true;
        if let Some(since) = guarded.open_since.take() {
            let down_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(address = self.link.address(), down_ms, "Redis answers again: store and limits of rate use it");
        }
    }

    /// Makes the connection, again whenever it fails, and tries it with questions of its own while the breaker is open.
    async fn keep(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        loop {
            let connected = self.lock().connection.clone();
            let works = match connected {
                Some(mut connection) => {
                    let ping = cmd("PING");
                    let answered = timeout(ANSWER_TIMEOUT, connection.send_packed_command(&ping)).await;
                    matches!(answered, Ok(Ok(_)))
                }
                None => self.connect().await,
            };
            if works {
                self.close();
                backoff.reset();
                self.wanted.notified().await;
            } else {
                // One that does not answer may never: the next try makes another.
                self.lock().connection = None;
                tokio::time::sleep(backoff.next().min(Duration::from_millis(500))).await;
            }
        }
    }

    async fn connect(&self) -> bool {
        match self.link.multiplexed().await {
            Ok(connection) => {
                let mut guarded = self.lock();
                guarded.connection = Some(connection);
                guarded.number += 1;
                true
            }
            Err(error) => {
                let mut guarded = self.lock();
                if guarded.open_since.is_none() && !guarded.was_up {
                    tracing::error!("Redis cannot be reached: {error}; the store answers `unavailable` until then");
                }
                guarded.open_since.get_or_insert_with(Instant::now);
                false
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
