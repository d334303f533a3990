//! What waits to be published. It is bounded in bytes and in time, because nothing on this node waits for Redis.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::adapter::{Namespace, Question, RoomFilter};
use crate::fixed_limits::{PUBLISH_BYTES_MAX, PUBLISH_WAIT_MAX};
use crate::packet::Message;
use crate::peers::{PeerQuestion, PeerRequest};

/// Bytes that are encoded or decoded on the event loop in one go. More would keep its clients waiting, and has a thread of its own.
pub(super) const BYTES_AT_ONCE: usize = 256 << 10;
/// Messages that leave together, at most.
const BATCH: usize = 256;
/// What a message takes besides its texts.
const ENTRY_BYTES: usize = 128;

/// A message for other nodes.
pub(super) enum Outgoing {
    Broadcast {
        namespace: Arc<Namespace>,
        rooms: RoomFilter,
        volatile: bool,
        message: Message,
    },
    /// An emit that awaits acks of clients.
    Question {
        namespace: Arc<Namespace>,
        rooms: RoomFilter,
        message: Message,
        question: Weak<Question>,
        timeout: Duration,
    },
    Join {
        namespace: Arc<Namespace>,
        rooms: RoomFilter,
        joined: Vec<Box<str>>,
    },
    Leave {
        namespace: Arc<Namespace>,
        rooms: RoomFilter,
        left: Vec<Box<str>>,
    },
    Disconnect {
        namespace: Arc<Namespace>,
        rooms: RoomFilter,
        close: bool,
    },
    ServerEvent {
        namespace: Arc<Namespace>,
        message: Message,
    },
    Request {
        namespace: Arc<Namespace>,
        request: Box<PeerRequest>,
        question: Weak<PeerQuestion>,
    },
    /// The question what servers of this kind there are.
    Nodes {
        question: Weak<PeerQuestion>,
    },
    /// The answer to a request of another node, encoded.
    Response {
        channel: String,
        payload: Vec<u8>,
    },
}

/// The queue.
#[derive(Default)]
pub(super) struct OutgoingQueue {
    /// In the order of locks a leaf, below those of namespaces.
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    entries: VecDeque<(Instant, usize, Outgoing)>,
    bytes: usize,
}

impl OutgoingQueue {
    /// Queues a message. What has no room is given back.
    pub(super) fn push(&self, what: Outgoing) -> Result<(), Box<Outgoing>> {
        let bytes = what.bytes();
        {
            let mut waiting = self.lock();
            // One alone may be larger than all: the bound is for what waits.
            if waiting.bytes > 0 && waiting.bytes + bytes > PUBLISH_BYTES_MAX {
                return Err(Box::new(what));
            }
            waiting.bytes += bytes;
            waiting.entries.push_back((Instant::now(), bytes, what));
        }
        self.filled.notify_one();
        Ok(())
    }

    /// The next messages, in order, as soon as there is one, and their bytes.
    pub(super) async fn next_batch(&self) -> (Vec<Outgoing>, usize) {
        loop {
            let (batch, bytes) = self.lock().take_batch();
            if !batch.is_empty() {
                return (batch, bytes);
            }
            self.filled.notified().await;
        }
    }

    /// Takes out what has waited for too long.
    pub(super) fn take_old(&self) -> Vec<Outgoing> {
        let now = Instant::now();
        let mut waiting = self.lock();
        let mut old = Vec::new();
        while let Some((_, bytes, what)) =
            waiting.entries.pop_front_if(|(since, ..)| now.duration_since(*since) > PUBLISH_WAIT_MAX)
        {
            waiting.bytes -= bytes;
            old.push(what);
        }
        old
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take_batch(&mut self) -> (Vec<Outgoing>, usize) {
        let (mut batch, mut taken) = (Vec::new(), 0);
        while batch.len() < BATCH
            && taken < BYTES_AT_ONCE
            && let Some((_, bytes, what)) = self.entries.pop_front()
        {
            taken += bytes;
            batch.push(what);
        }
        self.bytes -= taken;
        (batch, taken)
    }
}

impl Outgoing {
    fn bytes(&self) -> usize {
        let names = |names: &[Box<str>]| names.iter().map(|name| name.len() + 16).sum::<usize>();
        let filter = |rooms: &RoomFilter| names(&rooms.any) + names(&rooms.except);
        let text = |message: &Message| message.name.len() + message.payload.len();
        ENTRY_BYTES
            + match self {
                Self::Broadcast { rooms, message, .. } | Self::Question { rooms, message, .. } => filter(rooms) + text(message),
                Self::Join { rooms, joined: more, .. } | Self::Leave { rooms, left: more, .. } => filter(rooms) + names(more),
                Self::Disconnect { rooms, .. } => filter(rooms),
                Self::ServerEvent { message, .. } => text(message),
                Self::Request { request, .. } => match &**request {
                    PeerRequest::Ids(rooms) | PeerRequest::Sockets(rooms) => filter(rooms),
                    PeerRequest::Rooms => 0,
                    PeerRequest::ServerEvent(message) => text(message),
                },
                Self::Nodes { .. } => 0,
                Self::Response { channel, payload } => channel.len() + payload.len(),
            }
    }

    /// It will not leave: whoever asked learns that.
    pub(super) fn give_up(self) {
        match self {
            Self::Question { question, .. } => {
                if let Some(question) = question.upgrade() {
                    question.give_up_peers();
                }
            }
            Self::Request { question, .. } | Self::Nodes { question } => {
                if let Some(question) = question.upgrade() {
                    question.give_up();
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BATCH, ENTRY_BYTES, Outgoing, OutgoingQueue};
    use crate::fixed_limits::{PUBLISH_BYTES_MAX, PUBLISH_WAIT_MAX};

    fn response(number: usize, bytes: usize) -> Outgoing {
        Outgoing::Response { channel: number.to_string(), payload: vec![0; bytes] }
    }

    fn number(what: &Outgoing) -> usize {
        match what {
            Outgoing::Response { channel, .. } => channel.parse().unwrap(),
            _ => usize::MAX,
        }
    }

    #[tokio::test]
    async fn messages_leave_in_order_and_together() {
        let queue = OutgoingQueue::default();
        for next in 0..BATCH + 1 {
            assert!(queue.push(response(next, 1)).is_ok());
        }
        let first: Vec<_> = queue.next_batch().await.0.iter().map(number).collect();
        assert_eq!(first, (0..BATCH).collect::<Vec<_>>());
        assert_eq!(queue.next_batch().await.0.iter().map(number).collect::<Vec<_>>(), [BATCH]);
        assert_eq!(queue.bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_in_bytes_and_in_time() {
        let queue = OutgoingQueue::default();
        assert!(queue.push(response(1, PUBLISH_BYTES_MAX + 1)).is_ok(), "one alone passes");
        assert_eq!(queue.push(response(2, 1)).err().map(|refused| number(&refused)), Some(2));
        assert!(queue.take_old().is_empty());
        tokio::time::advance(PUBLISH_WAIT_MAX + Duration::from_millis(1)).await;
        assert_eq!(queue.take_old().iter().map(number).collect::<Vec<_>>(), [1]);
        assert_eq!(queue.bytes(), 0);
        let fits = PUBLISH_BYTES_MAX - ENTRY_BYTES - 1;
        assert!(queue.push(response(3, fits)).is_ok());
        assert!(queue.push(response(4, 1)).is_err());
    }
}
