//! The cluster: nodes that share namespaces through Redis, in the way of Node's `@socket.io/redis-adapter` 8, so that its servers, its
//! emitters and this server are one.
//!
//! Two tasks of an event loop do it, each with a connection of its own, and nothing on this node waits for either. What is applied here
//! is queued in the order of the locks (`outgoing`, through `Cluster`, which is the publisher) and published in that order (`publish`).
//! What others publish is taken in the order in which it comes (`subscribe`), and applied as this node's own writes are (`incoming`).
//! `requests` are those that this node has open, `answers` what it answers to others.

mod answers;
mod channels;
mod health;
mod incoming;
mod member;
mod outgoing;
mod publish;
mod publisher;
mod requests;
mod subscribe;
mod wire;

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::adapter::Adapter;
use crate::effect::LocalEffects;
use crate::event_loops::EventLoop;
use crate::peers::ServerEvents;

use incoming::{Describe, Incoming};

pub(crate) use member::{Cluster, ClusterFigures, ClusterOptions};

/// Connects, and serves until the event loop ends. On the thread that has the clients, what one of them publishes and what comes for one of
/// them wakes no other thread.
pub(crate) fn start_cluster(
    cluster: &Arc<Cluster>,
    event_loop: &EventLoop,
    adapter: Arc<Adapter>,
    effects: Arc<LocalEffects>,
    events: Arc<dyn ServerEvents>,
    describe: Box<Describe>,
) {
    let watching = cluster.clone();
    adapter.watch(move |name| watching.note_changed(name));
    let incoming = Arc::new(Incoming::new(cluster.clone(), adapter, effects, events, describe));
    // The runtime with the threads for what takes long.
    let (runtime, publishing) = (Handle::current(), cluster.clone());
    event_loop.spawn(move || publish::publish(publishing, runtime));
    let (runtime, subscribing) = (Handle::current(), cluster.clone());
    event_loop.spawn(move || subscribe::subscribe(subscribing, incoming, runtime));
}
