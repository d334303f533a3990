//! Whether the two connections to Redis stand, and what they have carried: for the log, `/readyz` and `/metrics`.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A connection to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    Publishing,
    Subscribing,
}

impl Connection {
    /// Both, in the order of their numbers.
    pub(crate) const ALL: [Self; 2] = [Self::Publishing, Self::Subscribing];

    /// As the log and `/metrics` name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Subscribing => "subscribing",
        }
    }
}

/// The connections, and what they have carried.
pub(super) struct Health {
    connections: [Mutex<Since>; 2],
    /// Other nodes, as many as there were in the namespace that was asked last.
    pub(super) others: AtomicU32,
    /// Redis refuses what is published.
    is_refused: AtomicBool,
    pub(super) counts: Counts,
}

/// What was carried.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) published: AtomicU64,
    pub(super) published_bytes: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    /// Messages for other nodes that were dropped, because too many waited, for too long, or with their connection.
    pub(super) dropped_full: AtomicU64,
    pub(super) dropped_old: AtomicU64,
    pub(super) dropped_failed: AtomicU64,
    /// Messages of others that are malformed or beyond a bound.
    pub(super) ignored: AtomicU64,
    pub(super) connects: [AtomicU64; 2],
}

#[derive(Clone, Copy)]
struct Since {
    /// Nothing at first.
    is_up: Option<bool>,
    /// When that began.
    at: Instant,
}

impl Health {
    pub(super) fn new() -> Self {
        let unknown = || Mutex::new(Since { is_up: None, at: Instant::now() });
        Self {
            connections: [unknown(), unknown()],
            others: AtomicU32::new(0),
            is_refused: AtomicBool::new(false),
            counts: Counts::default(),
        }
    }

    pub(super) fn is_up(&self, connection: Connection) -> bool {
        self.since(connection).is_up == Some(true)
    }

    /// The connections that are down, each with the seconds since it is.
    pub(super) fn down(&self) -> Vec<(Connection, f64)> {
        let down = Connection::ALL.into_iter().map(|connection| (connection, self.since(connection)));
        down.filter(|(_, since)| since.is_up != Some(true))
            .map(|(connection, since)| (connection, since.at.elapsed().as_secs_f64()))
            .collect()
    }

    /// Notes whether Redis refuses what is published, in one line of the log for each change.
    pub(super) fn set_refused(&self, why: Option<String>) {
        let was_refused = self.is_refused.swap(why.is_some(), Ordering::Relaxed);
        match why {
            Some(why) if !was_refused => {
                tracing::error!(
                    "Redis refuses what is sent to other nodes: {why}; docs/security.md lists the rights that the user needs"
                );
            }
            None if was_refused => tracing::info!("Redis takes what is sent to other nodes again"),
            _ => {}
        }
    }

    /// How often a connection was made.
    pub(super) fn connects(&self, connection: Connection) -> u64 {
        self.counts.connects[connection as usize].load(Ordering::Relaxed)
    }

    /// Notes that a connection stands, in one line of the log.
    pub(super) fn set_up(&self, connection: Connection, address: &str) {
        self.counts.connects[connection as usize].fetch_add(1, Ordering::Relaxed);
        let before = self.set(connection, true);
        let connection = connection.name();
        match before.is_up {
            None => tracing::info!(connection, address, "connected to Redis"),
            Some(false) => {
                let down_ms = u64::try_from(before.at.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(connection, address, down_ms, "Redis is there again");
            }
            Some(true) => {}
        }
    }

    /// Notes that a connection is down. Further failures are no news.
    pub(super) fn set_down(&self, connection: Connection, why: &dyn std::fmt::Display) {
        let before = self.set(connection, false);
        let lost = match connection {
            Connection::Publishing => "what is sent to other nodes is dropped",
            Connection::Subscribing => "nothing of other nodes arrives",
        };
        let connection = connection.name();
        match before.is_up {
            None => {
                tracing::error!(connection, "Redis cannot be reached: {why}; {lost}; this node goes on alone, and tries again")
            }
            Some(true) => tracing::error!(connection, "Redis is away: {why}; {lost}; this node goes on alone, and tries again"),
            Some(false) => tracing::debug!(connection, "Redis is still away: {why}"),
        }
    }

    fn set(&self, connection: Connection, is_up: bool) -> Since {
        let mut since = self.connections[connection as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let before = *since;
        if before.is_up != Some(is_up) {
            *since = Since { is_up: Some(is_up), at: Instant::now() };
        }
        before
    }

    fn since(&self, connection: Connection) -> Since {
        *self.connections[connection as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
