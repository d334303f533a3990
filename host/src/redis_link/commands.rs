//! One connection for the questions of plugins, with a breaker: where Redis does not answer, nobody waits for it any more, until it does.
//!
//! The breaker opens after some questions in a row without an answer, or with the connection. While it is open every question fails at
//! once, and this module alone tries Redis, with a PING or a new connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Value, cmd};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::answer::server_error;
use super::backoff::Backoff;
use super::error::LinkError;
use super::link::RedisLink;
use super::pipeline::{Job, Pipeline, Question};

/// How long an answer is awaited.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);
/// So many questions in a row without an answer, and nobody asks any more.
const FAILURES_IN_A_ROW: u32 = 5;
/// Between two tries. Longer, and plugins would be without Redis although it is there.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// So old a connection that leads to a replica is replaced.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// A refusal counts as over when others were done for so long; else some of each would fill the log.
const REFUSAL_OVER: Duration = Duration::from_secs(5);

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
    /// How long an answer is awaited.
    answer_timeout: Duration,
    /// Held for a look, and while a question is queued.
    guarded: Mutex<Guarded>,
    /// The breaker has opened, so Redis is to be tried; or another connection is wanted.
    opened: Notify,
    counts: Counts,
}

/// They are only read for `/metrics`.
#[derive(Default)]
struct Counts {
    timeouts: AtomicU64,
    refused: AtomicU64,
    opened: AtomicU64,
}

/// The connection, and how it does.
#[derive(Default)]
struct Guarded {
    pipeline: Option<Pipeline>,
    /// Which connection that is, so that the failure of an old one is not taken for its own.
    number: u64,
    failures: u32,
    connected_at: Option<Instant>,
    /// Since when the breaker is open.
    open_since: Option<Instant>,
    /// For how long it was open before that.
    open_before: Duration,
    /// Another connection is wanted: this one leads to a replica, and a new one may lead to the primary.
    is_stale: bool,
    /// Why Redis cannot be reached, as it was logged last.
    reason: Option<String>,
    /// What Redis refuses now, by its code, and when it did last.
    refusal: Option<(String, Instant)>,
}

/// What the page of `/metrics` shows.
pub(crate) struct CommandFigures {
    pub(crate) is_up: bool,
    pub(crate) timeouts: u64,
    pub(crate) refused: u64,
    pub(crate) opened: u64,
    pub(crate) open_time: Duration,
}

impl Commands {
    /// The name of the connection, beside those of the adapter.
    pub(crate) const NAME: &str = "commands";

    /// Tries to connect, and from then on again whenever there is no connection, until the runtime ends.
    pub(crate) async fn start(link: RedisLink) -> Arc<Self> {
        Self::start_with(link, ANSWER_TIMEOUT).await
    }

    pub(super) async fn start_with(link: RedisLink, answer_timeout: Duration) -> Arc<Self> {
        let (guarded, opened) = (Mutex::default(), Notify::new());
        let commands = Arc::new(Self { link, answer_timeout, guarded, opened, counts: Counts::default() });
        let first = commands.connect().await;
        // Ends with the runtime.
        tokio::spawn(commands.clone().keep(first));
        commands
    }

    /// The same, if Redis can be reached now.
    pub(crate) async fn reached(link: RedisLink) -> Result<Arc<Self>, LinkError> {
        link.commands().await?;
        Ok(Self::start(link).await)
    }

    /// Asks at once; the future receives the answer, and dropping it takes nothing back. `held` is given back with the answer. Where
    /// Redis has not answered others lately, the error comes at once.
    pub(crate) fn ask(
        self: &Arc<Self>,
        question: Question,
        held: impl Send + 'static,
    ) -> impl Future<Output = Result<Value, CommandError>> + Send + 'static {
        let (asked, until) = (self.begin(question, Box::new(held)), Instant::now() + self.answer_timeout);
        let commands = self.clone();
        async move {
            let (answer, number) = asked?;
            match timeout_at(until, answer).await {
                Ok(Ok(value)) => commands.answered(value),
                Ok(Err(_)) => {
                    commands.lost(number, "the connection has ended");
                    Err(CommandError::Away)
                }
                Err(_) => {
                    commands.counts.timeouts.fetch_add(1, Ordering::Relaxed);
                    commands.failed(number, "it does not answer in time");
                    Err(CommandError::Away)
                }
            }
        }
    }

    /// The URL of Redis without what is secret.
    pub(crate) fn address(&self) -> &str {
        self.link.address()
    }

    /// For how long every question has failed at once, if it does.
    pub(crate) fn down_for(&self) -> Option<Duration> {
        self.lock().open_since.map(|since| since.elapsed())
    }

    pub(crate) fn figures(&self) -> CommandFigures {
        let guarded = self.lock();
        // Relaxed: each stands for itself.
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CommandFigures {
            is_up: guarded.pipeline.is_some() && guarded.open_since.is_none(),
            timeouts: read(&self.counts.timeouts),
            refused: read(&self.counts.refused),
            opened: read(&self.counts.opened),
            open_time: guarded.open_before + guarded.open_since.map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }

    /// Queues a question, under the lock, so that those of one caller keep their order.
    fn begin(&self, question: Question, held: Box<dyn Send>) -> Result<(oneshot::Receiver<Value>, u64), CommandError> {
        let guarded = self.lock();
        match &guarded.pipeline {
            Some(pipeline) if guarded.open_since.is_none() => {
                let (answer, receiver) = oneshot::channel();
                pipeline.ask(Job { question, answer, held });
                Ok((receiver, guarded.number))
            }
            _ => Err(CommandError::Away),
        }
    }

    fn answered(&self, value: Value) -> Result<Value, CommandError> {
        let mut guarded = self.lock();
        let Some(what) = server_error(&value) else {
            guarded.failures = 0;
            if let Some((_, at)) = &guarded.refusal
                && at.elapsed() > REFUSAL_OVER
            {
                guarded.refusal = None;
                tracing::info!(address = self.link.address(), "Redis does what plugins ask for again");
            }
            return Ok(value);
        };
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        let code = if what.contains("OOM command") { "OOM" } else { what.split([':', ' ']).next().unwrap_or_default() };
        let was = guarded.refusal.replace((code.to_owned(), Instant::now()));
        if was.is_none_or(|(was, _)| was != code) {
            let remedy = remedy(code);
            tracing::error!(address = self.link.address(), "Redis refuses what plugins ask for: {what}; {remedy}");
        }
        if code == "READONLY" && guarded.connected_at.is_some_and(|at| at.elapsed() > STALE_AFTER) {
            guarded.is_stale = true;
            self.opened.notify_one();
        }
        // Out of memory, only writes are refused. While these are the answer, nothing works.
        if matches!(code, "LOADING" | "MASTERDOWN" | "NOAUTH") {
            guarded.failures = guarded.failures.saturating_add(1);
            if guarded.failures >= FAILURES_IN_A_ROW {
                self.open(&mut guarded, code);
            }
        } else {
            guarded.failures = 0;
        }
        Err(CommandError::Refused(what))
    }

    fn failed(&self, number: u64, why: &str) {
        let mut guarded = self.lock();
        if guarded.number == number {
            guarded.failures = guarded.failures.saturating_add(1);
            if guarded.failures >= FAILURES_IN_A_ROW {
                self.open(&mut guarded, why);
            }
        }
    }

    /// A connection is gone: with it all that was asked over it.
    fn lost(&self, number: u64, why: &str) {
        let mut guarded = self.lock();
        if guarded.number == number && guarded.pipeline.take().is_some() {
            self.open(&mut guarded, why);
        }
    }

    fn open(&self, guarded: &mut Guarded, why: &str) {
        if guarded.open_since.is_none() {
            guarded.open_since = Some(Instant::now());
            self.counts.opened.fetch_add(1, Ordering::Relaxed);
            let address = self.link.address();
            tracing::error!(
                connection = Self::NAME,
                address,
                "Redis is away: {why}; the store answers `unavailable`, limits of rate do what rate_limit_on_failure in [adapter.redis] says"
            );
        }
        self.opened.notify_one();
    }

    fn close(&self) {
        let mut guarded = self.lock();
        guarded.failures = 0;
        guarded.reason = None;
        if let Some(since) = guarded.open_since.take() {
            let down = since.elapsed();
            guarded.open_before += down;
            let down_ms = u64::try_from(down.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(
                connection = Self::NAME,
                address = self.link.address(),
                down_ms,
                "Redis answers again: the store and limits of rate use it"
            );
        }
    }

    /// Makes the connection again whenever it has ended, or Redis does not answer on it.
    async fn keep(self: Arc<Self>, first: Option<(Pipeline, u64)>) {
        let (mut backoff, mut connected) = (Backoff::default(), first);
        loop {
            match connected.take() {
                Some((pipeline, number)) => {
                    backoff.reset();
                    self.watch(&pipeline, number).await;
                }
                None => sleep(backoff.next().min(RETRY_EVERY)).await,
            }
            connected = self.connect().await;
        }
    }

    /// Returns when the connection is of no more use.
    async fn watch(&self, pipeline: &Pipeline, number: u64) {
        loop {
            tokio::select! {
                () = pipeline.closed() => return self.lost(number, "the connection has ended"),
                () = self.opened.notified() => {}
            }
            if std::mem::take(&mut self.lock().is_stale) {
                return;
            }
            // What told it may be the end of the connection before.
            let (answer, receiver) = oneshot::channel();
            pipeline.ask(Job { question: Question::Command(cmd("PING")), answer, held: Box::new(()) });
            match timeout(self.answer_timeout, receiver).await {
                Ok(Ok(value)) if server_error(&value).is_none() => self.close(),
                // One that does not answer may never: the next try makes another.
                _ => return self.lost(number, "it does not answer"),
            }
        }
    }

    async fn connect(&self) -> Option<(Pipeline, u64)> {
        match self.link.commands().await {
            Ok(connection) => {
                let pipeline = Pipeline::start(connection);
                let number = {
                    let mut guarded = self.lock();
                    guarded.pipeline = Some(pipeline.clone());
                    guarded.connected_at = Some(Instant::now());
                    guarded.is_stale = false;
                    guarded.number += 1;
                    guarded.number
                };
                self.close();
                Some((pipeline, number))
            }
            Err(error) => {
                self.not_connected(&error);
                None
            }
        }
    }

    /// Logs why there is no connection: at the start, and later what an operator has to mend. That Redis is away is known then.
    fn not_connected(&self, error: &LinkError) {
        let mut guarded = self.lock();
        let first = guarded.open_since.is_none();
        guarded.open_since.get_or_insert_with(Instant::now);
        let is_news = first || !matches!(error, LinkError::Io { .. } | LinkError::Silent { .. });
        let reason = error.to_string();
        if is_news && guarded.reason.as_ref() != Some(&reason) {
            let lost = if first { "; the store answers `unavailable` until it can" } else { "" };
            tracing::error!(connection = Self::NAME, "Redis cannot be reached: {reason}{lost}");
            guarded.reason = Some(reason);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an operator does about a refusal.
fn remedy(code: &str) -> &'static str {
    match code {
        "OOM" => "it is out of memory: raise its maxmemory. Nothing is written until then",
        "READONLY" => "it is a replica: `url` in [adapter.redis] has to name the primary",
        "NOPERM" | "NOAUTH" => "docs/security.md lists the rights that its user needs",
        "MISCONF" => "it cannot save to its disk; see its log",
        "NOREPLICAS" => "it waits for its replicas (min-replicas-to-write)",
        "LOADING" | "MASTERDOWN" => "it is not ready yet",
        _ => "see the log of Redis, and report it if it stays",
    }
}

#[cfg(test)]
mod tests;
