//! This node in the cluster: what waits to be sent, what it has asked, and how its connections do.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::channels::Channels;
use super::health::{Connection, Health};
use super::outgoing::{Outgoing, OutgoingQueue};
use super::requests::OpenRequests;
use crate::budget::Budget;
use crate::fixed_limits::REFUSAL_LINES_MAX;
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;
use crate::peers::{PeerAnswer, PeerAnswers, PeerQuestion};
use crate::redis_link::RedisLink;

/// How often what has waited for too long is looked for, while Redis takes nothing.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What other servers may say of themselves, all together.
const NODES_BYTES: usize = 4 << 20;

/// What the configuration says.
pub(crate) struct ClusterOptions {
    /// The name of this node, with which its id in the cluster begins.
    pub(crate) node: String,
    /// The prefix of the channels.
    pub(crate) key: String,
    /// Whether answers go to the node that asked alone: nodes of old versions do not listen there.
    pub(crate) specific_responses: bool,
    /// Whether answers about sockets have what proves an identity.
    pub(crate) answer_auth: bool,
    /// Where python-socketio publishes.
    pub(crate) python_channel: Option<String>,
    /// How long other nodes are waited for, where they do not say so.
    pub(crate) requests_timeout: Duration,
    /// Attachments that clients may send, and that they get.
    pub(crate) attachments_max: usize,
}

/// This node's part of the cluster.
pub(crate) struct Cluster {
    /// This node among all; the messages that it sends carry it.
    pub(super) uid: Box<str>,
    pub(super) options: ClusterOptions,
    pub(super) link: RedisLink,
    pub(super) channels: Channels,
    pub(super) outgoing: OutgoingQueue,
    pub(super) requests: OpenRequests,
    pub(super) health: Health,
    /// Namespaces that came or went, to be subscribed to or not.
    pub(super) changed: Mutex<HashSet<Box<str>>>,
    pub(super) has_changed: Notify,
    /// The channels of requests whose answers arrive here too.
    pub(super) heard: Mutex<HashSet<Box<str>>>,
    pub(super) limit_hits: Arc<LimitHits>,
    ignored_log: LogLimiter,
}

/// What the page of `/metrics` shows.
pub(crate) struct ClusterFigures {
    pub(crate) up: Vec<(&'static str, bool)>,
    pub(crate) connects: Vec<(&'static str, u64)>,
    /// Messages and bytes, by direction.
    pub(crate) messages: [(&'static str, u64); 2],
    pub(crate) bytes: [(&'static str, u64); 2],
    /// Messages that were dropped, by reason.
    pub(crate) dropped: [(&'static str, u64); 3],
    pub(crate) ignored: u64,
    pub(crate) waiting_bytes: usize,
    pub(crate) others: u32,
}

impl Cluster {
    /// A node that is not connected yet. What is published until then waits, within its bounds.
    pub(crate) fn new(options: ClusterOptions, link: RedisLink, random: &str, limit_hits: Arc<LimitHits>) -> Arc<Self> {
        let uid = format!("{}{random}", options.node);
        Arc::new(Self {
            channels: Channels::new(&options.key, &uid),
            requests: OpenRequests::new(&uid),
            uid: uid.into(),
            options,
            link,
            outgoing: OutgoingQueue::default(),
            health: Health::new(),
            changed: Mutex::default(),
            has_changed: Notify::new(),
            heard: Mutex::default(),
            limit_hits,
            ignored_log: LogLimiter::new(REFUSAL_LINES_MAX),
        })
    }

    /// The connections to Redis that are down, with the seconds since they are.
    pub(crate) fn down(&self) -> Vec<(&'static str, f64)> {
        self.health.down().into_iter().map(|(connection, since)| (connection.name(), since)).collect()
    }

    /// What the other servers of this kind say of themselves, as JSON, and how many are silent.
    pub(crate) async fn other_nodes(&self) -> (Vec<String>, u32) {
        let question = Arc::new(PeerQuestion::new(Budget::new(NODES_BYTES).part()));
        question.set_asked(self.health.others.load(Ordering::Relaxed));
        self.send(Outgoing::Nodes { question: Arc::downgrade(&question) });
        let answered = poll_fn(|context| question.poll(context));
        let _all_answered = tokio::time::timeout(self.options.requests_timeout, answered).await;
        let PeerAnswers { answers, nodes_missing } = question.close();
        let node = |answer| match answer {
            PeerAnswer::Node(node) => Some(node),
            _ => None,
        };
        (answers.into_iter().filter_map(node).collect(), nodes_missing)
    }

    /// What was carried.
    pub(crate) fn figures(&self) -> ClusterFigures {
        let counts = &self.health.counts;
        // Relaxed: each stands for itself.
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        ClusterFigures {
            up: Connection::ALL.map(|connection| (connection.name(), self.health.is_up(connection))).into(),
            connects: Connection::ALL.map(|connection| (connection.name(), self.health.connects(connection))).into(),
            messages: [("published", read(&counts.published)), ("received", read(&counts.received))],
            bytes: [("published", read(&counts.published_bytes)), ("received", read(&counts.received_bytes))],
            dropped: [
                ("full", read(&counts.dropped_full)),
                ("old", read(&counts.dropped_old)),
                ("failed", read(&counts.dropped_failed)),
            ],
            ignored: read(&counts.ignored),
            waiting_bytes: self.outgoing.bytes(),
            others: self.health.others.load(Ordering::Relaxed),
        }
    }

    pub(super) fn note_changed(&self, namespace: &str) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.into());
        self.has_changed.notify_one();
    }

    /// Queues a message; where there is no room for it, it is dropped.
    pub(super) fn send(&self, what: Outgoing) {
        if let Err(refused) = self.outgoing.push(what) {
            self.limit_hits.hit(LimitHit::PublishBytes);
            self.health.counts.dropped_full.fetch_add(1, Ordering::Relaxed);
            refused.give_up();
        }
    }

    /// Drops what has waited for too long.
    pub(super) fn drop_old(&self) {
        for old in self.outgoing.take_old() {
            self.limit_hits.hit(LimitHit::PublishWait);
            self.health.counts.dropped_old.fetch_add(1, Ordering::Relaxed);
            old.give_up();
        }
    }

    /// Awaits something, and drops meanwhile what waits for too long.
    pub(super) async fn dropping_old<T>(&self, awaited: impl Future<Output = T>) -> T {
        let mut awaited = std::pin::pin!(awaited);
        loop {
            match tokio::time::timeout(LOOK_EVERY, awaited.as_mut()).await {
                Ok(done) => return done,
                Err(_) => self.drop_old(),
            }
        }
    }

    /// Counts a message that is ignored, and logs some of them.
    pub(super) fn ignore(&self, channel: &str, why: &dyn std::fmt::Display) {
        self.health.counts.ignored.fetch_add(1, Ordering::Relaxed);
        if let Some(left_out) = self.ignored_log.admit() {
            tracing::warn!(channel, left_out, "a message on a channel of Redis is ignored: {why}");
        }
    }

    /// Whether the answers to requests on this channel arrive here.
    pub(super) fn hears(&self, channel: &str) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).contains(channel)
    }
}
