//! What this node answers to the requests of others.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::member::Cluster;
use super::outgoing::Outgoing;
use super::wire::{ListResponse, OwnResponse, RequestKind, encode_response, push_socket};
use crate::adapter::{Namespace, RoomFilter, Socket};
use crate::budget::Budget;
use crate::effect::{Flags, LocalEffects, QuestionTarget, Target, Write};
use crate::fixed_limits::PEER_ANSWERS_MAX;
use crate::limit_hits::LimitHit;
use crate::packet::Message;
use crate::peers::Reply;

/// Elements of an answer that are written down before other tasks have their turn.
const ELEMENTS_AT_ONCE: usize = 100;
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
        match asked {
            RequestKind::Ids(rooms) => {
                let (ids, answer) = (namespace.lock().ids(&rooms), ListResponse::of_sockets(&number));
                self.tell(channel, permit, async move { with_all(answer, &ids, |answer, id| answer.push(id.as_str())).await });
            }
            RequestKind::Rooms => {
                let answer = ListResponse::of_rooms(&number);
                let locked = namespace.lock();
                let (ids, names) = (locked.ids(&RoomFilter::default()), locked.room_names("", None, usize::MAX));
                drop(locked);
                self.tell(channel, permit, async move {
                    let answer = with_all(answer, &ids, |answer, id| answer.push(id.as_str())).await;
                    with_all(answer, &names, |answer, name| answer.push(name)).await
                });
            }
            RequestKind::Sockets(rooms) => {
                let (sockets, answer) = (namespace.lock().select(&rooms), ListResponse::of_sockets(&number));
                let with_secrets = self.cluster.options.answer_auth;
                let push = move |answer: &mut ListResponse, socket: &Arc<Socket>| push_socket(answer, socket, with_secrets);
                self.tell(channel, permit, async move { with_all(answer, &sockets, push).await });
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

    /// Sends a list as soon as it is written down.
    fn tell(&self, channel: String, permit: OwnedSemaphorePermit, list: impl Future<Output = ListResponse> + Send + 'static) {
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            let payload = list.await.finish();
            cluster.send(Outgoing::Response { channel, payload });
            drop(permit);
        });
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

/// The answer with these elements, which are written down a few at a time; few of them at once.
async fn with_all<T>(mut answer: ListResponse, elements: &[T], push: impl Fn(&mut ListResponse, &T)) -> ListResponse {
    for (number, some) in elements.chunks(ELEMENTS_AT_ONCE).enumerate() {
        if number > 0 {
            tokio::task::yield_now().await;
        }
        some.iter().for_each(|element| push(&mut answer, element));
    }
    answer
}
