//! Long polling, both halves: the requests, which hyper's tasks bring, and what the session's task holds of them.
//!
//! A GET is held until something is queued. The response to a POST is held while the session does not want to read more,
//! which is how a polling client is slowed down. A request whose client goes away drops its future, and with it the channel:
//! the session sees that and ends, as Node's does.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::oneshot::{self, Sender};

use super::{Outbox, payload, response::Refusal, websocket::Websocket};

/// What is put in a session's mailbox.
pub(super) enum Command {
    /// A GET.
    Poll(Sender<PollingResponse>),
    /// A POST with its body.
    Post(String, Sender<PollingResponse>),
    /// A websocket that wants to take over.
    Probe(Box<Websocket>),
}

/// How a request ends.
pub(super) enum PollingResponse {
    /// 200 with packets.
    Packets(Vec<u8>),
    /// 200 with "ok".
    Accepted,
    Refused(Refusal),
}

/// What comes last in a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LastPacket {
    None,
    /// A NOOP if there is nothing else, so that the client's poll ends and it can upgrade.
    Noop,
    /// CLOSE if there is nothing else. It stands alone: the official client forgets what came in one body with it.
    Close,
}

/// What became of the held poll.
#[derive(PartialEq, Eq)]
pub(super) enum PollOutcome {
    /// There is none.
    NoPoll,
    /// It waits on, for nothing is queued.
    Waiting,
    /// CLOSE was sent.
    Closed,
    /// Its client has gone.
    ClientGone,
}

/// The requests that a session holds.
#[derive(Default)]
pub(super) struct HeldRequests {
    poll: Option<Sender<PollingResponse>>,
    post: Option<Sender<PollingResponse>>,
}

impl HeldRequests {
    /// Holds a poll. A second one is an error of the client's and is given back.
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

    /// Lets the client send on.
    pub(super) fn release_post(&mut self) {
        if let Some(post) = self.post.take() {
            let _ = post.send(PollingResponse::Accepted);
        }
    }

    /// Whether a client has gone whose request is held.
    pub(super) fn is_client_gone(&mut self, cx: &mut Context<'_>) -> bool {
        let mut gone = |held: &mut Option<Sender<PollingResponse>>| {
            held.as_mut().is_some_and(|held| matches!(held.poll_closed(cx), Poll::Ready(())))
        };
        gone(&mut self.poll) || gone(&mut self.post)
    }

    /// Ends the held poll with what is queued, if anything is.
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

    /// The client leaves polling, by closing or by the upgrade; nothing that it asked stays open.
    pub(super) fn release_all(&mut self) {
        if let Some(poll) = self.poll.take() {
            let _ = poll.send(PollingResponse::Packets(b"6".to_vec()));
        }
        self.release_post();
    }
}

/// The poll that a handshake is: its mail for the new session, and its reply.
pub(super) fn handshake_poll() -> (Command, impl Future<Output = PollingResponse> + Send + 'static) {
    let (sender, reply) = oneshot::channel();
    (Command::Poll(sender), async { reply.await.unwrap_or(PollingResponse::Refused(Refusal::UnknownSession)) })
}

/// Serves a GET.
pub(super) async fn poll(outbox: Arc<Outbox>) -> PollingResponse {
    let (sender, reply) = oneshot::channel();
    send_and_wait(&outbox, Command::Poll(sender), reply).await
}

/// Serves a POST.
pub(super) async fn post(outbox: Arc<Outbox>, body: Incoming, length_max: usize, timeout: Duration) -> PollingResponse {
    if !outbox.begin_post() {
        outbox.abort("transport error");
        return PollingResponse::Refused(Refusal::BadRequest);
    }
    let mut guard = PostGuard { outbox: &outbox, is_answered: false };
    let reply = match tokio::time::timeout(timeout, read_body(body, length_max)).await {
        Ok(Ok(Some(body))) => {
            let (sender, reply) = oneshot::channel();
            send_and_wait(&outbox, Command::Post(body, sender), reply).await
        }
        Ok(Ok(None)) => PollingResponse::Refused(Refusal::TooLarge),
        Ok(Err(())) => PollingResponse::Refused(Refusal::BadRequest),
        // The client stands in the middle of its body; the guard ends the session.
        Err(_) => return PollingResponse::Refused(Refusal::BadRequest),
    };
    guard.is_answered = true;
    reply
}

async fn send_and_wait(outbox: &Outbox, command: Command, reply: oneshot::Receiver<PollingResponse>) -> PollingResponse {
    if outbox.send(command).is_err() {
        return PollingResponse::Refused(Refusal::UnknownSession);
    }
    reply.await.unwrap_or(PollingResponse::Refused(Refusal::UnknownSession))
}

/// The body as text; none if it is too large.
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

/// A POST under way. Dropped before it was answered, its client has gone.
struct PostGuard<'a> {
    outbox: &'a Outbox,
    is_answered: bool,
}

impl Drop for PostGuard<'_> {
    fn drop(&mut self) {
        self.outbox.end_post();
        if !self.is_answered {
            self.outbox.abort("transport error");
        }
    }
}
