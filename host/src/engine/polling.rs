//! Long polling, both sides: the requests in hyper's tasks, and their response channels in the session's task.
//!
//! A GET is held until something is queued. The response to a POST is held while reading pauses, which is how a polling client
//! is slowed down. When a client disconnects during a request, hyper drops the request's future and with it the channel: the
//! session sees that and ends, as in Node.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::oneshot::{self, Sender};

use super::{
    command::Command,
    outbox::Outbox,
    payload,
    response::{PollingResponse, Refusal},
};
use crate::reason::DisconnectReason;

/// The last packet of the response to a poll.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LastPacket {
    None,
    /// A NOOP if there is nothing else, so that the client's poll ends and the client can upgrade.
    Noop,
    /// CLOSE if there is nothing else. It is sent alone, because the official client ignores what is in one body with it.
    Close,
}

/// The state of the held poll after an attempt to answer it.
#[derive(PartialEq, Eq)]
pub(super) enum PollOutcome {
    /// No poll is held: there was none, or it has been answered.
    NoPoll,
    /// The poll is still held, because nothing is queued.
    Waiting,
    /// CLOSE was sent.
    Closed,
    /// The client of the poll has disconnected.
    ClientGone,
}

/// The requests whose responses a session holds back.
#[derive(Default)]
pub(super) struct HeldRequests {
    poll: Option<Sender<PollingResponse>>,
    post: Option<Sender<PollingResponse>>,
}

impl HeldRequests {
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

    /// Answers the held poll with what is queued, if anything is.
    pub(super) fn answer_poll(&mut self, outbox: &Outbox, length_max: usize, last_packet: LastPacket) -> PollOutcome {
        let Some(poll) = self.poll.take() else { return PollOutcome::NoPoll };
        let frames = outbox.take_for_body(length_max, payload::encoded_length);
        let mut body = payload::join(&frames);
        let sends_close = last_packet == LastPacket::Close && frames.is_empty();
        match last_packet {
            LastPacket::Close if sends_close => payload::append(&mut body, b"1"),
            LastPacket::Noop if frames.is_empty() => payload::append(&mut body, b"6"),
            _ if frames.is_empty() => {
                self.poll = Some(poll);
                return PollOutcome::Waiting;
            }
            _ => {}
        }
        match poll.send(PollingResponse::Packets(body)) {
            Err(_) => PollOutcome::ClientGone,
            Ok(()) if sends_close => PollOutcome::Closed,
            Ok(()) => PollOutcome::NoPoll,
        }
    }

    /// Answers everything that is held: polling ends here, by the client's CLOSE or by the upgrade.
    pub(super) fn release_all(&mut self) {
        if let Some(poll) = self.poll.take() {
            let _ = poll.send(PollingResponse::Packets(b"6".to_vec()));
        }
        self.release_post();
    }
}

/// The handshake request, which is also the first long poll: its command for the new session, and its response.
pub(super) fn handshake_poll() -> (Command, impl Future<Output = PollingResponse> + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    (Command::Poll(sender), async { receiver.await.unwrap_or(PollingResponse::Refused(Refusal::UnknownSession)) })
}

/// Serves a GET.
pub(super) async fn poll(outbox: Arc<Outbox>) -> PollingResponse {
    let (sender, receiver) = oneshot::channel();
    send_and_wait(&outbox, Command::Poll(sender), receiver).await
}

/// Serves a POST.
pub(super) async fn post(outbox: Arc<Outbox>, body: Incoming, length_max: usize, timeout: Duration) -> PollingResponse {
    if !outbox.begin_post() {
        outbox.abort(DisconnectReason::TransportError);
        return PollingResponse::Refused(Refusal::BadRequest);
    }
    let mut guard = PostGuard { outbox: &outbox, is_answered: false };
    let response = match tokio::time::timeout(timeout, read_body(body, length_max)).await {
        Ok(Ok(Some(body))) => {
            let (sender, receiver) = oneshot::channel();
            send_and_wait(&outbox, Command::Post(body, sender), receiver).await
        }
        Ok(Ok(None)) => PollingResponse::Refused(Refusal::TooLarge),
        Ok(Err(())) => PollingResponse::Refused(Refusal::BadRequest),
        // The body is not complete in time; the guard ends the session.
        Err(_) => return PollingResponse::Refused(Refusal::BadRequest),
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

/// The body as text; `None` if it is too large.
async fn read_body(mut body: Incoming, length_max: usize) -> Result<Option<String>, ()> {
    if body.size_hint().lower() > length_max as u64 {
        return Ok(None);
    }
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let data: Bytes = frame.map_err(drop)?.into_data().unwrap_or_default();
        if text.len() + data.len() > length_max {
            return Ok(None);
        }
        text.extend_from_slice(&data);
    }
    String::from_utf8(text).map(Some).map_err(drop)
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
