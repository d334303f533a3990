//! The task that receives what other nodes publish, over a connection of its own, in the order in which it comes.
//!
//! It reads from its connection only as fast as it applies, so nothing piles up in this process: what does not fit into Redis's own buffer
//! for a subscriber ends the connection there, and the task begins anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use redis::Value;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};

use super::channels::Channel;
use super::health::Connection;
use super::incoming::{Incoming, Received};
use super::member::Cluster;
use super::outgoing::BYTES_AT_ONCE;
use crate::effect::Write;
use crate::redis_link::{Backoff, Subscription, server_error};

/// How long the connection may be silent before Redis is asked whether it is there.
const PING_AFTER: Duration = Duration::from_secs(1);
/// How long it may be silent at all.
const SILENCE: Duration = Duration::from_secs(3);
/// Channels in one command.
const CHANNELS_AT_ONCE: usize = 300;
/// How long Redis may take to take a command.
const SEND_TIMEOUT: Duration = Duration::from_secs(2);
/// Messages that are applied together, at most.
const TOGETHER: usize = 64;

/// Receives until the runtime ends.
pub(super) async fn subscribe(cluster: Arc<Cluster>, incoming: Arc<Incoming>, runtime: Handle) {
    let mut backoff = Backoff::default();
    loop {
        match cluster.link.subscription().await {
            Ok(connection) => {
                let mut subscriber = Subscriber::new(&cluster, &incoming, &runtime, connection);
                let why = subscriber.serve(&mut backoff).await;
                cluster.heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
                cluster.health.set_down(Connection::Subscribing, &why);
                // No answers arrive any more.
                cluster.requests.give_up();
            }
            Err(error) => cluster.health.set_down(Connection::Subscribing, &error),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// One connection, and what it has subscribed to.
struct Subscriber<'a> {
    cluster: &'a Cluster,
    incoming: &'a Arc<Incoming>,
    /// Has the threads for large messages.
    runtime: &'a Handle,
    connection: Subscription,
    /// The namespaces of this node.
    namespaces: HashSet<Box<str>>,
    /// The namespace of each pattern.
    patterns: HashMap<Box<[u8]>, Box<str>>,
    /// Confirmations that are awaited before the connection counts as up.
    unconfirmed: usize,
}

impl<'a> Subscriber<'a> {
    fn new(cluster: &'a Cluster, incoming: &'a Arc<Incoming>, runtime: &'a Handle, connection: Subscription) -> Self {
        let (namespaces, patterns) = (HashSet::new(), HashMap::new());
        Self { cluster, incoming, runtime, connection, namespaces, patterns, unconfirmed: 0 }
    }

    /// Subscribes to all that concerns this node, and receives until the connection fails; returns why.
    async fn serve(&mut self, backoff: &mut Backoff) -> String {
        match self.run(backoff).await {
            Ok(never) => match never {},
            Err(why) => why,
        }
    }

    async fn run(&mut self, backoff: &mut Backoff) -> Result<std::convert::Infallible, String> {
        let all = self.incoming.namespaces();
        self.cluster.changed.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // What came or went between the two is noted, and looked at next.
        let python = self.cluster.options.python_channel.clone();
        let own = self.cluster.channels.own();
        self.send("SUBSCRIBE", python.into_iter().chain([own]).collect()).await?;
        self.add(all).await?;
        let (mut heard_at, mut is_up, mut is_asked) = (Instant::now(), false, false);
        let mut forget_at = Instant::now() + PING_AFTER;
        loop {
            let ping_at = if is_asked { heard_at + SILENCE } else { heard_at + PING_AFTER };
            tokio::select! {
                biased;
                () = self.cluster.has_changed.notified() => self.update().await?,
                message = self.connection.next() => {
                    (heard_at, is_asked) = (Instant::now(), false);
                    self.receive(message).await?;
                    if self.unconfirmed == 0 && !is_up {
                        is_up = true;
                        self.cluster.health.set_up(Connection::Subscribing, self.cluster.link.address());
                        backoff.reset();
                    }
                }
                () = sleep_until(ping_at) => {
                    if is_asked {
                        return Err(format!("it has been silent for {SILENCE:?}"));
                    }
                    is_asked = true;
                    self.command(&redis::cmd("PING")).await?;
                }
                () = sleep_until(forget_at) => {
                    self.cluster.requests.forget();
                    forget_at = Instant::now() + PING_AFTER;
                }
            }
        }
    }

    /// Takes what has come, one message and those behind it that are there already, and applies it.
    async fn receive(&mut self, first: Option<redis::RedisResult<Value>>) -> Result<(), String> {
        let mut writes = VecDeque::new();
        let mut next = Some(first);
        let (mut taken, mut bytes, mut is_full) = (0, 0, false);
        while let Some(message) = next.take() {
            let value = message.ok_or("it has closed the connection")?.map_err(|error| error.to_string())?;
            if let Some(message) = self.message_in(value)? {
                self.count(&message.payload);
                bytes += message.payload.len();
                writes = self.taken(message, writes).await?;
            }
            taken += 1;
            is_full = taken == TOGETHER || bytes >= BYTES_AT_ONCE;
            if !is_full {
                next = self.connection.next().now_or_never();
            }
        }
        self.apply_all(&mut writes).await;
        if is_full {
            // Other tasks of the event loop have their turn before the next, which may be here already.
            yield_now().await;
        }
        Ok(())
    }

    /// A message, turned into writes behind those that it follows.
    async fn taken(&mut self, message: Received, mut writes: VecDeque<Write>) -> Result<VecDeque<Write>, String> {
        let asked = if message.payload.len() <= BYTES_AT_ONCE {
            self.incoming.take(&message, &mut writes)
        } else {
            self.apply_all(&mut writes).await;
            let incoming = self.incoming.clone();
            let taking = self.runtime.spawn_blocking(move || (incoming.take(&message, &mut writes), writes));
            let asked;
            // Fails if the server ends.
            (asked, writes) = taking.await.map_err(|error| error.to_string())?;
            asked
        };
        if let Some(asked) = asked {
            self.apply_all(&mut writes).await;
            self.incoming.answer(asked);
        }
        Ok(writes)
    }

    async fn apply_all(&mut self, writes: &mut VecDeque<Write>) {
        while !writes.is_empty() {
            self.incoming.apply(writes);
            if !writes.is_empty() {
                // Other tasks of the event loop have their turn between the parts of a large set.
                yield_now().await;
            }
        }
    }

    /// The message in what Redis sent, if it is one.
    fn message_in(&mut self, value: Value) -> Result<Option<Received>, String> {
        if let Some(refused) = server_error(&value) {
            return Err(refused);
        }
        let Value::Array(parts) = value else { return Ok(None) };
        let mut parts = parts.into_iter();
        let mut text = || match parts.next() {
            Some(Value::BulkString(bytes)) => Some(bytes),
            _ => None,
        };
        let Some(kind) = text() else { return Ok(None) };
        match kind.as_slice() {
            b"message" => {
                let (Some(channel), Some(payload)) = (text(), text()) else { return Ok(None) };
                return Ok(Some(Received { namespace: None, channel, payload }));
            }
            b"pmessage" => {
                let (Some(pattern), Some(channel), Some(payload)) = (text(), text(), text()) else { return Ok(None) };
                let namespace = self.patterns.get(pattern.as_slice()).cloned();
                return Ok(namespace.map(|namespace| Received { namespace: Some(namespace), channel, payload }));
            }
            b"subscribe" | b"psubscribe" => {
                self.unconfirmed = self.unconfirmed.saturating_sub(1);
                let channel = text().unwrap_or_default();
                let channels = &self.cluster.channels;
                let heard = std::str::from_utf8(&channel).ok().and_then(|channel| match channels.parse(channel)? {
                    // The last one of a namespace: those before it are confirmed.
                    Channel::Response(namespace) => Some(channels.request(namespace)),
                    Channel::Own => Some(channel.to_owned()),
                    Channel::Request(_) => None,
                });
                self.cluster.heard.lock().unwrap_or_else(PoisonError::into_inner).extend(heard.map(String::into_boxed_str));
            }
            _ => {}
        }
        Ok(None)
    }

    fn count(&self, payload: &[u8]) {
        use std::sync::atomic::Ordering::Relaxed;
        self.cluster.health.counts.received.fetch_add(1, Relaxed);
        self.cluster.health.counts.received_bytes.fetch_add(payload.len() as u64, Relaxed);
    }

    /// Follows the namespaces that have come and gone.
    async fn update(&mut self) -> Result<(), String> {
        let changed = std::mem::take(&mut *self.cluster.changed.lock().unwrap_or_else(PoisonError::into_inner));
        let (here, gone): (Vec<_>, Vec<_>) = changed.into_iter().partition(|name| self.incoming.has(name));
        self.remove(gone).await?;
        self.add(here).await
    }

    async fn add(&mut self, mut namespaces: Vec<Box<str>>) -> Result<(), String> {
        namespaces.retain(|name| self.namespaces.insert(name.clone()));
        let channels = &self.cluster.channels;
        let patterns = namespaces.iter().map(|name| channels.pattern(name)).collect::<Vec<_>>();
        let others = namespaces.iter().flat_map(|name| channels.of_namespace(name)).collect();
        for (pattern, name) in patterns.iter().zip(namespaces) {
            self.patterns.insert(pattern.as_bytes().into(), name);
        }
        self.send("PSUBSCRIBE", patterns).await?;
        self.send("SUBSCRIBE", others).await
    }

    async fn remove(&mut self, mut namespaces: Vec<Box<str>>) -> Result<(), String> {
        namespaces.retain(|name| self.namespaces.remove(name));
        {
            let mut heard = self.cluster.heard.lock().unwrap_or_else(PoisonError::into_inner);
            for name in &namespaces {
                heard.remove(self.cluster.channels.request(name).as_str());
            }
        }
        let channels = &self.cluster.channels;
        let patterns = namespaces.iter().map(|name| channels.pattern(name)).collect::<Vec<_>>();
        let others = namespaces.iter().flat_map(|name| channels.of_namespace(name)).collect();
        for pattern in &patterns {
            self.patterns.remove(pattern.as_bytes());
        }
        self.send("PUNSUBSCRIBE", patterns).await?;
        self.send("UNSUBSCRIBE", others).await
    }

    async fn send(&mut self, name: &str, channels: Vec<String>) -> Result<(), String> {
        for some in channels.chunks(CHANNELS_AT_ONCE) {
            if matches!(name, "SUBSCRIBE" | "PSUBSCRIBE") {
                self.unconfirmed += some.len();
            }
            self.command(redis::cmd(name).arg(some)).await?;
        }
        Ok(())
    }

    async fn command(&mut self, command: &redis::Cmd) -> Result<(), String> {
        match timeout(SEND_TIMEOUT, self.connection.send(command.get_packed_command())).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it has not taken a command for {SEND_TIMEOUT:?}")),
        }
    }
}
