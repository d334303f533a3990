//! The cluster: nodes that share namespaces through Redis, in the way of Node's `@socket.io/redis-adapter` 8, so that its servers, its
//! emitters and this server are one.
//!
//! Two tasks do it, each with a connection of its own, and nothing on this node waits for either. What is applied here is queued in the
//! order of the locks (`outgoing`, through `Cluster`, which is the publisher) and published in that order (`publish`). What others publish
//! is taken in the order in which it comes (`subscribe`), and applied as this node's own writes are (`incoming`). `requests` are those that
//! this node has open, `answers` what it answers to others.

mod answers;
mod channels;
mod health;
mod incoming;
mod outgoing;
mod publish;
mod requests;
mod subscribe;
mod wire;

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::adapter::Adapter;
use crate::effect::{LocalEffects, Publisher, QuestionTarget, Target, Write};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;
use crate::packet::Message;
use crate::peers::ServerEvents;
use crate::redis_link::RedisLink;

use channels::Channels;
use health::Health;
use incoming::Incoming;
use outgoing::{Outgoing, OutgoingQueue};
use requests::OpenRequests;

pub(crate) use health::Connection;

/// How often what has waited for too long is looked for, while Redis takes nothing.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the configuration says.
pub(crate) struct ClusterOptions {
    /// The name of this node, with which its id in the cluster begins.
    pub(crate) node: String,
    /// The prefix of the channels.
    pub(crate) key: String,
    /// Whether answers go to the node that asked alone: nodes of old versions do not listen there.
    pub(crate) specific_responses: bool,
    /// Whether answers about sockets have what proves an identity.
    pub(crate) answer_secrets: bool,
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
    uid: Box<str>,
    options: ClusterOptions,
    link: RedisLink,
    channels: Channels,
    outgoing: OutgoingQueue,
    requests: OpenRequests,
    health: Health,
    /// Namespaces that came or went, to be subscribed to or not.
    changed: Mutex<HashSet<Box<str>>>,
    has_changed: Notify,
    /// Namespaces whose requests and answers arrive here.
    heard: Mutex<HashSet<Box<str>>>,
    limit_hits: Arc<LimitHits>,
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
            ignored_log: LogLimiter::new(crate::fixed_limits::IGNORED_MESSAGE_LINES_MAX),
        })
    }

    /// Connects, and serves until the runtime ends.
    pub(crate) fn start(self: &Arc<Self>, adapter: Arc<Adapter>, effects: Arc<LocalEffects>, events: Arc<dyn ServerEvents>) {
        let cluster = self.clone();
        adapter.watch(move |name| cluster.note_changed(name));
        tokio::spawn(publish::publish(self.clone()));
        tokio::spawn(subscribe::subscribe(self.clone(), Incoming::new(self.clone(), adapter, effects, events)));
    }

    /// The connections to Redis that are down, with the seconds since they are.
    pub(crate) fn down(&self) -> Vec<(&'static str, f64)> {
        self.health.down().into_iter().map(|(connection, since)| (connection.name(), since)).collect()
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

    fn note_changed(&self, namespace: &str) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.into());
        self.has_changed.notify_one();
    }

    /// Queues a message; where there is no room for it, it is dropped.
    fn send(&self, what: Outgoing) {
        if let Err(refused) = self.outgoing.push(what) {
            self.limit_hits.hit(LimitHit::PublishBytes);
            self.health.counts.dropped_full.fetch_add(1, Ordering::Relaxed);
            refused.give_up();
        }
    }

    /// Drops what has waited for too long.
    fn drop_old(&self) {
        for old in self.outgoing.take_old() {
            self.limit_hits.hit(LimitHit::PublishWait);
            self.health.counts.dropped_old.fetch_add(1, Ordering::Relaxed);
            old.give_up();
        }
    }

    /// Awaits something, and drops meanwhile what waits for too long.
    async fn dropping_old<T>(&self, awaited: impl Future<Output = T>) -> T {
        let mut awaited = std::pin::pin!(awaited);
        loop {
            match tokio::time::timeout(LOOK_EVERY, awaited.as_mut()).await {
                Ok(done) => return done,
                Err(_) => self.drop_old(),
            }
        }
    }

    /// Counts a message that is ignored, and logs some of them.
    fn ignore(&self, channel: &str, why: &dyn std::fmt::Display) {
        self.health.counts.ignored.fetch_add(1, Ordering::Relaxed);
        if let Some(left_out) = self.ignored_log.admit() {
            tracing::warn!(channel, left_out, "a message on a channel of Redis is ignored: {why}");
        }
    }

    /// Whether requests and answers of a namespace arrive here.
    fn hears(&self, namespace: &str) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).contains(namespace)
    }
}

impl Publisher for Cluster {
    fn publish(&self, writes: &mut [Write]) {
        for write in writes {
            if let Some(outgoing) = self.outgoing_of(write) {
                self.send(outgoing);
            }
        }
    }
}

impl Cluster {
    /// What other nodes get of a write, if they get something.
    fn outgoing_of(&self, write: &mut Write) -> Option<Outgoing> {
        let others = self.health.others.load(Ordering::Relaxed).max(1);
        Some(match write {
            Write::Broadcast { target, message, .. } if !target.flags.local => {
                let Target { namespace, rooms, flags } = &**target;
                Outgoing::Broadcast {
                    namespace: namespace.clone(),
                    rooms: rooms.clone(),
                    volatile: flags.volatile,
                    message: take(message),
                }
            }
            Write::Question { target, message, asked, .. } => {
                let QuestionTarget::Rooms(Target { namespace, rooms, flags }) = &**target else { return None };
                if flags.local {
                    return None;
                }
                asked.question.await_peers(others);
                Outgoing::Question {
                    namespace: namespace.clone(),
                    rooms: rooms.clone(),
                    message: take(message),
                    question: Arc::downgrade(&asked.question),
                    timeout: asked.timeout,
                }
            }
            Write::JoinAll { target, rooms } if !target.flags.local => {
                Outgoing::Join { namespace: target.namespace.clone(), rooms: target.rooms.clone(), joined: rooms.clone() }
            }
            Write::LeaveAll { target, rooms } if !target.flags.local => {
                Outgoing::Leave { namespace: target.namespace.clone(), rooms: target.rooms.clone(), left: rooms.clone() }
            }
            Write::DisconnectAll { target, close } if !target.flags.local => {
                Outgoing::Disconnect { namespace: target.namespace.clone(), rooms: target.rooms.clone(), close: *close }
            }
            Write::ServerEvent { namespace, message } => {
                Outgoing::ServerEvent { namespace: namespace.clone(), message: take(message) }
            }
            Write::AskPeers { namespace, request, question } => {
                question.set_asked(others);
                let request = std::mem::replace(request, Box::new(crate::peers::PeerRequest::Rooms));
                Outgoing::Request { namespace: namespace.clone(), request, question: Arc::downgrade(question) }
            }
            _ => return None,
        })
    }
}

/// The message without its payload's copy: what clients get is encoded already. The name stays, for those who count.
fn take(message: &mut Message) -> Message {
    Message { name: message.name.clone(), payload: std::mem::take(&mut message.payload) }
}
