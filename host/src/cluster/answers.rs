//! What this node answers to the requests of others.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::member::Cluster;
use super::outgoing::Outgoing;
use super::wire::{OwnResponse, RequestKind, SocketsAnswer, encode_response};
use crate::adapter::{Namespace, RoomFilter, Socket};
use crate::budget::Budget;
use crate::effect::{Flags, LocalEffects, QuestionTarget, Target, Write};
use crate::fixed_limits::PEER_ANSWERS_MAX;
use crate::limit_hits::LimitHit;
use crate::packet::Message;
use crate::peers::Reply;

/// Sockets that are written down before other tasks have their turn.
const SOCKETS_AT_ONCE: usize = 100;
/// What acks may take until they are sent on, which is at once.
const ACK_BYTES: usize = 64 << 20;
/// How long acks are awaited for a node that does not say.
const ACKS_AWAITED: Duration = Duration::from_secs(600);

/// Answers requests, so many at the same time.
pub(super) struct Answering {
    cluster: Arc<Cluster>,
    effects: Arc<LocalEffects>,
    open: Arc<Semaphore>,
    /// What the answers of clients take that are not sent on yet.
    acks: Arc<Budget>,
}

impl Answering {
    pub(super) fn new(cluster: Arc<Cluster>, effects: Arc<LocalEffects>) -> Self {
        Self { cluster, effects, open: Arc::new(Semaphore::new(PEER_ANSWERS_MAX)), acks: Budget::new(ACK_BYTES) }
    }

    /// Answers what a node asks of this one: sockets, rooms, or the acks of clients. `uid` is that node.
    pub(super) fn answer(&self, namespace: &Arc<Namespace>, uid: Option<&str>, number: String, asked: RequestKind) {
        let Ok(permit) = self.open.clone().try_acquire_owned() else {
            self.cluster.limit_hits.hit(LimitHit::PeerAnswers);
            return;
        };
        let channel = self.channel(namespace, uid);
        let texts = |rooms: &RoomFilter| namespace.lock().ids(rooms).iter().map(ToString::to_string).collect::<Vec<_>>();
        match asked {
            RequestKind::Ids(rooms) => self.send(channel, encode_response(&number, &OwnResponse::Ids(&texts(&rooms)))),
            RequestKind::Rooms => {
                let mut names = texts(&RoomFilter::default());
                names.extend(namespace.lock().room_names("", None, usize::MAX).iter().map(ToString::to_string));
                self.send(channel, encode_response(&number, &OwnResponse::Rooms(&names)));
            }
            RequestKind::Sockets(rooms) => {
                let sockets = namespace.lock().select(&rooms);
                tokio::spawn(tell_sockets(self.cluster.clone(), channel, number, sockets, permit));
            }
            RequestKind::Clients { message, rooms, timeout } => {
                self.ask_clients(namespace, channel, number, message, rooms, timeout, permit)
            }
            _ => {}
        }
    }

    /// Asks the clients, says how many those are, and sends on what they answer.
    #[expect(clippy::too_many_arguments, reason = "it is one request, taken apart")]
    fn ask_clients(
        &self,
        namespace: &Arc<Namespace>,
        channel: String,
        number: String,
        message: Message,
        rooms: RoomFilter,
        timeout: Option<Duration>,
        permit: OwnedSemaphorePermit,
    ) {
        let timeout = timeout.unwrap_or(self.cluster.options.requests_timeout).min(ACKS_AWAITED);
        let target = Target { namespace: namespace.clone(), rooms, flags: Flags { volatile: false, local: true } };
        let (write, asked) = Write::question(QuestionTarget::Rooms(target), message, self.acks.part(), timeout);
        let mut writes = VecDeque::from([write]);
        while !writes.is_empty() {
            self.effects.apply_from_peers(&mut writes);
        }
        let clients = asked.question.asked();
        self.send(channel.clone(), encode_response(&number, &OwnResponse::ClientCount(clients)));
        if clients == 0 {
            return;
        }
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let sending = async {
                while let Some(payloads) = poll_fn(|context| asked.question.poll_next(context)).await {
                    for payload in payloads {
                        let payload = encode_response(&number, &OwnResponse::Ack(&payload));
                        cluster.send(Outgoing::Response { channel: channel.clone(), payload });
                    }
                }
            };
            let _all_answered = tokio::time::timeout(timeout, sending).await;
            asked.question.close(asked.ack);
        });
    }

    /// The answer to a request about one socket, which nodes of old versions await.
    pub(super) fn done(&self, namespace: &Namespace, uid: Option<&str>, number: Option<&str>) {
        if let Some(number) = number {
            self.send(self.channel(namespace, uid), encode_response(number, &OwnResponse::Done));
        }
    }

    /// How a server event is answered. Node answers these on the channel of all nodes, whatever is configured.
    pub(super) fn reply(&self, namespace: &Namespace, number: String) -> Reply {
        let (cluster, channel) = (self.cluster.clone(), self.cluster.channels.response(namespace.name()));
        Box::new(move |payload| {
            let payload = encode_response(&number, &OwnResponse::Argument(payload));
            cluster.send(Outgoing::Response { channel, payload });
        })
    }

    fn send(&self, channel: String, payload: Vec<u8>) {
        self.cluster.send(Outgoing::Response { channel, payload });
    }

    fn channel(&self, namespace: &Namespace, uid: Option<&str>) -> String {
        let channels = &self.cluster.channels;
        match uid.filter(|_| self.cluster.options.specific_responses) {
            Some(uid) => channels.response_to(namespace.name(), uid),
            None => channels.response(namespace.name()),
        }
    }
}

/// Writes the sockets down, a few at a time, and sends them.
async fn tell_sockets(
    cluster: Arc<Cluster>,
    channel: String,
    number: String,
    sockets: Vec<Arc<Socket>>,
    permit: OwnedSemaphorePermit,
) {
    let mut answer = SocketsAnswer::new(&number, cluster.options.answer_auth);
    for some in sockets.chunks(SOCKETS_AT_ONCE) {
        some.iter().for_each(|socket| answer.push(socket));
        tokio::task::yield_now().await;
    }
    cluster.send(Outgoing::Response { channel, payload: answer.finish() });
    drop(permit);
}
