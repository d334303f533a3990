//! Long polling, both sides: the requests in hyper's tasks, and their response channels in the session's task.
//!
//! A GET is held until something is queued. The response to a POST is held while reading pauses, which is how a polling client
//! is slowed down. When a client disconnects during a request, hyper drops the request's future and with it the channel: the
//! session sees that and ends, as in Node.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::Incoming;
use tokio::{
    sync::oneshot::{self, Sender},
    time::Instant,
};

use super::{
    command::Command,
    http_stream::Notes,
    outbox::Outbox,
    payload,
    response::{PollingResponse, Refusal},
};
use crate::{
    body::{self, BodyError, LeastPace},
    reason::DisconnectReason,
    waiting_bytes::Waiting,
};

/// The state of the held poll after an attempt to answer it.
#[derive(PartialEq, Eq)]
pub(super) enum PollOutcome {
    /// No poll is held: there was none, or it has been answered.
    NoPoll,
    /// The poll is still held, because nothing is queued.
    Waiting,
    /// The last packet was sent.
    LastSent,
    /// The client of the poll has disconnected.
    ClientGone,
}

/// The requests whose responses a session holds back.
pub(super) struct HeldRequests {
    poll: Option<Sender<PollingResponse>>,
    post: Option<Sender<PollingResponse>>,
    /// When the last response was given.
    answered_at: Instant,
}

impl HeldRequests {
    pub(super) fn new() -> Self {
        Self { poll: None, post: None, answered_at: Instant::now() }
    }

    pub(super) fn holds_any(&self) -> bool {
        self.poll.is_some() || self.post.is_some()
    }

    pub(super) fn answered_at(&self) -> Instant {
        self.answered_at
    }

    /// Holds a poll. A second one at the same time is an error of the client and is returned.
    pub(super) fn hold_poll(&mut self, poll: Sender<PollingResponse>) -> Result<(), Sender<PollingResponse>> {
        if self.poll.is_some() {
            return Err(poll);
        }
        self.poll = Some(poll);
        Ok(())
    }

    /// Holds the response to a POST.
    pub(super) fn hold_post(&mut self, post: Sender<PollingResponse>) {
        self.post = Some(post);
    }

    /// Answers the held POST, so that the client may send the next one.
    pub(super) fn release_post(&mut self) {
        if let Some(post) = self.post.take() {
            self.answered_at = Instant::now();
            let _ = post.send(PollingResponse::Accepted);
        }
    }

    /// Whether the client has disconnected during a request that is held.
    pub(super) fn is_client_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let mut gone = |held: &mut Option<Sender<PollingResponse>>| {
            held.as_mut().is_some_and(|held| matches!(held.poll_closed(cx), Poll::Ready(())))
        };
        gone(&mut self.poll) || gone(&mut self.post)
    }

    /// Answers the held poll with what is queued, or with `last_packet` if nothing is. CLOSE is sent alone in this way, because the
    /// official client ignores what is in one body with it.
    pub(super) fn answer_poll(
        &mut self,
        outbox: &Arc<Outbox>,
        length_max: usize,
        last_packet: Option<&'static [u8]>,
    ) -> PollOutcome {
        let Some(poll) = self.poll.take() else { return PollOutcome::NoPoll };
        let (body, answered) = match (PacketsBody::take(outbox, length_max), last_packet) {
            (Some(body), _) => (Bytes::from_owner(body), PollOutcome::NoPoll),
            (None, Some(packet)) => (Bytes::from_static(packet), PollOutcome::LastSent),
            (None, None) => {
                self.poll = Some(poll);
                return PollOutcome::Waiting;
            }
        };
        self.answered_at = Instant::now();
        if poll.send(PollingResponse::Packets(body)).is_err() { PollOutcome::ClientGone } else { answered }
    }

    /// Answers everything that is held: polling ends here, by the upgrade.
    pub(super) fn release_all(&mut self) {
        if let Some(poll) = self.poll.take() {
            let _ = poll.send(PollingResponse::Packets(Bytes::from_static(payload::NOOP)));
        }
        self.release_post();
    }
}

/// Packets for a poll. They count in the outbox until hyper has written them.
pub(super) struct PacketsBody {
    bytes: Vec<u8>,
    /// What they cost in the outbox.
    cost: usize,
    outbox: Arc<Outbox>,
    _waiting: Waiting,
}

impl PacketsBody {
    /// What is queued, as far as it fits into `length_max` bytes, or at least one packet; `None` if nothing is.
    fn take(outbox: &Arc<Outbox>, length_max: usize) -> Option<Self> {
        let (frames, cost) = outbox.take_for_body(length_max);
        if frames.is_empty() {
            return None;
        }
        let bytes = payload::join(&frames);
        let waiting = outbox.waiting().add(bytes.len());
        Some(Self { bytes, cost, outbox: Arc::clone(outbox), _waiting: waiting })
    }
}

impl AsRef<[u8]> for PacketsBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PacketsBody {
    fn drop(&mut self) {
        self.outbox.body_dropped(self.cost);
    }
}

/// The handshake request, which is also the first long poll: its command for the new session, and its response.
pub(super) fn handshake_poll() -> (Command, impl Future<Output = PollingResponse> + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    (Command::Poll(sender), async { receiver.await.unwrap_or(PollingResponse::Refused(Refusal::UnknownSession)) })
}

/// Serves a GET. `connection` is the one on which it came.
pub(super) async fn poll(outbox: Arc<Outbox>, connection: Arc<Notes>) -> PollingResponse {
    let (sender, receiver) = oneshot::channel();
    let response = send_and_wait(&outbox, Command::Poll(sender), receiver).await;
    outbox.set_response(&connection);
    response
}

/// Serves a POST.
pub(super) async fn post(outbox: Arc<Outbox>, body: Incoming, length_max: usize, least_pace: LeastPace) -> PollingResponse {
    if !outbox.begin_post() {
        outbox.abort(DisconnectReason::TransportError);
        return PollingResponse::Refused(Refusal::BadRequest);
    }
    let mut guard = PostGuard { outbox: &outbox, is_answered: false };
    let response = match read_text(body, length_max, least_pace).await {
        Ok(body) => {
            let (sender, receiver) = oneshot::channel();
            send_and_wait(&outbox, Command::Post(body, sender), receiver).await
        }
        Err(TextError::Body(BodyError::TooLarge)) => PollingResponse::Refused(Refusal::TooLarge),
        Err(TextError::Body(BodyError::Malformed)) => PollingResponse::Refused(Refusal::BadRequest),
        Err(TextError::NotText) => {
            outbox.abort(DisconnectReason::ParseError);
            PollingResponse::Refused(Refusal::BadRequest)
        }
        // The guard ends the session.
        Err(TextError::Body(BodyError::Stalled)) => return PollingResponse::Refused(Refusal::Stalled),
    };
    guard.is_answered = true;
    response
}

async fn send_and_wait(outbox: &Outbox, command: Command, receiver: oneshot::Receiver<PollingResponse>) -> PollingResponse {
    if outbox.send(command).is_err() {
        return PollingResponse::Refused(Refusal::UnknownSession);
    }
    receiver.await.unwrap_or(PollingResponse::Refused(Refusal::UnknownSession))
}

/// Why a body is not read as text.
enum TextError {
    Body(BodyError),
    /// Not UTF-8, which a websocket refuses as well.
    NotText,
}

/// The body as text.
async fn read_text(body: Incoming, length_max: usize, least_pace: LeastPace) -> Result<String, TextError> {
    let bytes = body::read(body, length_max, least_pace).await.map_err(TextError::Body)?;
    String::from_utf8(bytes).map_err(|_| TextError::NotText)
}

/// A POST under way. If it is dropped before it was answered, its client has disconnected.
struct PostGuard<'a> {
    outbox: &'a Outbox,
    is_answered: bool,
}

impl Drop for PostGuard<'_> {
    fn drop(&mut self) {
        self.outbox.end_post();
        if !self.is_answered {
            self.outbox.abort(DisconnectReason::TransportError);
        }
    }
}
