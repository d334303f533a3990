//! The task that publishes what is queued, in order, over a connection of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::health::Connection;
use super::member::Cluster;
use super::outgoing::{BYTES_AT_ONCE, Outgoing};
use super::requests::{Asked, Asking};
use super::wire::{RequestKind, encode_broadcast, encode_nodes_question, encode_request, only_room};
use crate::adapter::Namespace;
use crate::peers::PeerRequest;
use crate::redis_link::{Backoff, server_error};

/// How long Redis may take for what is published together. A server that takes longer has stopped.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the connection may be silent before it is tried.
const IDLE: Duration = Duration::from_secs(1);

/// Messages as they leave.
struct Batch {
    commands: Pipeline,
    /// What is awaited of each command.
    answers: Vec<Awaited>,
    messages: u64,
    bytes: u64,
}

/// What the answer to a command says.
enum Awaited {
    Published,
    /// How many nodes there are.
    Nodes {
        channel: String,
        asking: Asking,
    },
}

/// Publishes until the runtime ends.
pub(super) async fn publish(cluster: Arc<Cluster>, runtime: Handle) {
    let mut backoff = Backoff::default();
    loop {
        match cluster.dropping_old(cluster.link.multiplexed()).await {
            Ok(connection) => {
                cluster.health.set_up(Connection::Publishing, cluster.link.address());
                let why = send_all(&cluster, &runtime, connection, &mut backoff).await;
                cluster.health.set_down(Connection::Publishing, &why);
            }
            Err(error) => cluster.health.set_down(Connection::Publishing, &error),
        }
        cluster.dropping_old(tokio::time::sleep(backoff.next())).await;
    }
}

/// Sends what is queued until that fails; returns why.
async fn send_all(
    cluster: &Arc<Cluster>,
    runtime: &Handle,
    mut connection: MultiplexedConnection,
    backoff: &mut Backoff,
) -> String {
    loop {
        let batch = match timeout(IDLE, cluster.outgoing.next_batch()).await {
            Ok((messages, bytes)) if bytes <= BYTES_AT_ONCE => Batch::encode(cluster, messages),
            Ok((messages, _)) => {
                let encoding = cluster.clone();
                match runtime.spawn_blocking(move || Batch::encode(&encoding, messages)).await {
                    Ok(batch) => batch,
                    // The server ends.
                    Err(error) => return error.to_string(),
                }
            }
            Err(_) => Batch::ping(),
        };
        let (count, Batch { commands, answers, messages, bytes }) = (batch.answers.len(), batch);
        // Each command has its answer, also where it is an error.
        let sent = timeout(PUBLISH_TIMEOUT, connection.send_packed_commands(&commands, 0, count));
        let counts = &cluster.health.counts;
        let failed = match cluster.dropping_old(sent).await {
            Ok(Ok(values)) => {
                counts.published.fetch_add(messages, Ordering::Relaxed);
                counts.published_bytes.fetch_add(bytes, Ordering::Relaxed);
                let refused = told(cluster, answers, values);
                cluster.health.set_refused(refused);
                backoff.reset();
                continue;
            }
            Ok(Err(error)) => lost(counts, answers, messages, error.to_string()),
            Err(_) => lost(counts, answers, messages, format!("it has not answered for {PUBLISH_TIMEOUT:?}")),
        };
        return failed;
    }
}

/// The messages are lost, or not: nobody knows. They are not sent again, since each arrives at most once.
fn lost(counts: &super::health::Counts, answers: Vec<Awaited>, messages: u64, why: String) -> String {
    counts.dropped_failed.fetch_add(messages, Ordering::Relaxed);
    for answer in answers {
        if let Awaited::Nodes { asking, .. } = answer {
            asking.give_up();
        }
    }
    why
}

/// Tells those who ask how many nodes there are. Returns what Redis has refused, if it has: to a user that may not publish, for one.
fn told(cluster: &Cluster, answers: Vec<Awaited>, values: Vec<Value>) -> Option<String> {
    let mut refused = None;
    for (awaited, value) in answers.into_iter().zip(values) {
        let error = server_error(&value);
        if let Awaited::Nodes { channel, asking } = awaited {
            let hears = cluster.hears(&channel);
            match subscribers(&value) {
                // This node is one of them, if its answers would arrive; else none can.
                Some(nodes) if hears => {
                    let others = nodes.saturating_sub(1);
                    cluster.health.others.store(others, Ordering::Relaxed);
                    asking.expect(others);
                }
                _ => asking.give_up(),
            }
        }
        refused = error.or(refused);
    }
    refused
}

/// The answer to `PUBSUB NUMSUB channel`: the channel, and how many subscribe to it.
fn subscribers(value: &Value) -> Option<u32> {
    let Value::Array(pair) = value else { return None };
    match pair.as_slice() {
        [_, Value::Int(subscribers)] => u32::try_from(*subscribers).ok(),
        _ => None,
    }
}

impl Batch {
    fn empty() -> Self {
        Self { commands: Pipeline::new(), answers: Vec::new(), messages: 0, bytes: 0 }
    }

    fn ping() -> Self {
        let mut batch = Self::empty();
        batch.commands.cmd("PING");
        batch.answers.push(Awaited::Published);
        batch
    }

    fn encode(cluster: &Cluster, messages: Vec<Outgoing>) -> Self {
        let mut batch = Self::empty();
        for message in messages {
            batch.push(cluster, message);
        }
        batch
    }

    fn push(&mut self, cluster: &Cluster, message: Outgoing) {
        let (uid, channels) = (&*cluster.uid, &cluster.channels);
        let request = |namespace: &Namespace, kind| (channels.request(namespace.name()), encode_request(uid, None, &kind));
        let (channel, payload) = match message {
            Outgoing::Broadcast { namespace, rooms, volatile, message } => {
                let channel = channels.broadcast(namespace.name(), only_room(&rooms));
                (channel, encode_broadcast(uid, namespace.name(), &message, &rooms, volatile))
            }
            Outgoing::Join { namespace, rooms, joined } => request(&namespace, RequestKind::Join { rooms, joined }),
            Outgoing::Leave { namespace, rooms, left } => request(&namespace, RequestKind::Leave { rooms, left }),
            Outgoing::Disconnect { namespace, rooms, close } => request(&namespace, RequestKind::Disconnect { rooms, close }),
            Outgoing::ServerEvent { namespace, message } => request(&namespace, RequestKind::ServerEvent(message)),
            Outgoing::Response { channel, payload } => (channel, payload),
            Outgoing::Question { namespace, rooms, message, question, timeout } => {
                let kind = RequestKind::Clients { message, rooms, timeout: Some(timeout) };
                return self.ask(cluster, channels.request(namespace.name()), Asking::Clients(question), |number| {
                    encode_request(uid, Some(number), &kind)
                });
            }
            Outgoing::Request { namespace, request, question } => {
                let (kind, asked) = kind_of(*request);
                return self.ask(cluster, channels.request(namespace.name()), Asking::Peers(question, asked), |number| {
                    encode_request(uid, Some(number), &kind)
                });
            }
            Outgoing::Nodes { question } => {
                let asking = Asking::Peers(question, Asked::Nodes);
                return self.ask(cluster, channels.own(), asking, |number| encode_nodes_question(uid, number));
            }
        };
        self.publish(&channel, &payload);
    }

    /// A request, and behind it the question how many nodes it reached: as Node asks it.
    fn ask(&mut self, cluster: &Cluster, channel: String, asking: Asking, encode: impl FnOnce(&str) -> Vec<u8>) {
        let Some(number) = cluster.requests.open(asking.clone()) else {
            cluster.limit_hits.hit(crate::limit_hits::LimitHit::PeerRequests);
            return asking.give_up();
        };
        self.publish(&channel, &encode(&number));
        self.commands.cmd("PUBSUB").arg("NUMSUB").arg(&channel);
        self.answers.push(Awaited::Nodes { channel, asking });
    }

    fn publish(&mut self, channel: &str, payload: &[u8]) {
        self.commands.cmd("PUBLISH").arg(channel).arg(payload);
        self.answers.push(Awaited::Published);
        self.messages += 1;
        self.bytes += payload.len() as u64;
    }
}

fn kind_of(request: PeerRequest) -> (RequestKind, Asked) {
    match request {
        PeerRequest::Ids(rooms) => (RequestKind::Ids(rooms), Asked::Ids),
        PeerRequest::Sockets(rooms) => (RequestKind::Sockets(rooms), Asked::Sockets),
        PeerRequest::Rooms => (RequestKind::Rooms, Asked::Rooms),
        PeerRequest::ServerEvent(message) => (RequestKind::ServerEvent(message), Asked::ServerEvent),
    }
}
