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

use super::{Outbox, payload, reply::Refusal, websocket::Websocket};

/// What is put in a session's mailbox.
pub(super) enum Mail {
    /// A GET.
    Poll(Sender<Reply>),
    /// A POST with its body.
    Post(String, Sender<Reply>),
    /// A websocket that wants to take over.
    Probe(Box<Websocket>),
}

/// How a request ends.
pub(super) enum Reply {
    /// 200 with packets.
    Packets(Vec<u8>),
    /// 200 with "ok".
    Taken,
    Refused(Refusal),
}

/// What comes last in a response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    Nothing,
    /// A NOOP if there is nothing else, so that the client's poll ends and it can upgrade.
    Noop,
    /// CLOSE if there is nothing else. It stands alone: the official client forgets what came in one body with it.
    Close,
}

/// What became of the held poll.
#[derive(PartialEq, Eq)]
pub(super) enum Answered {
    /// There is none.
    NoPoll,
    /// It waits on, for nothing is queued.
    Waits,
    /// CLOSE was sent.
    Closed,
    /// Its client has gone.
    Lost,
}

/// The requests that a session holds.
#[derive(Default)]
pub(super) struct Polling {
    poll: Option<Sender<Reply>>,
    post: Option<Sender<Reply>>,
}

impl Polling {
    /// Holds a poll. A second one is an error of the client's and is given back.
    pub(super) fn hold(&mut self, poll: Sender<Reply>) -> Result<(), Sender<Reply>> {
        if self.poll.is_some() {
            return Err(poll);
        }
        self.poll = Some(poll);
        Ok(())
    }

    /// Holds the response to a POST.
    pub(super) fn hold_post(&mut self, post: Sender<Reply>) {
        self.post = Some(post);
    }

    /// Lets the client send on.
    pub(super) fn release_post(&mut self) {
        if let Some(post) = self.post.take() {
            let _ = post.send(Reply::Taken);
        }
    }

    /// Whether a client has gone whose request is held.
    pub(super) fn gone(&mut self, cx: &mut Context<'_>) -> bool {
        let mut gone =
            |held: &mut Option<Sender<Reply>>| held.as_mut().is_some_and(|held| matches!(held.poll_closed(cx), Poll::Ready(())));
        gone(&mut self.poll) || gone(&mut self.post)
    }

    /// Ends the held poll with what is queued, if anything is.
    pub(super) fn answer(&mut self, outbox: &Outbox, length_max: usize, tail: Tail) -> Answered {
        let Some(poll) = self.poll.take() else { return Answered::NoPoll };
        let frames = outbox.take(length_max, payload::encoded_length);
        let mut body = payload::join(&frames);
        let close = tail == Tail::Close && frames.is_empty();
        match tail {
            Tail::Close if close => payload::append(&mut body, b"1"),
            Tail::Noop if frames.is_empty() => payload::append(&mut body, b"6"),
            _ if frames.is_empty() => {
                self.poll = Some(poll);
                return Answered::Waits;
            }
            _ => {}
        }
        match poll.send(Reply::Packets(body)) {
            Err(_) => Answered::Lost,
            Ok(()) if close => Answered::Closed,
            Ok(()) => Answered::NoPoll,
        }
    }

    /// The client leaves polling, by closing or by the upgrade; nothing that it asked stays open.
    pub(super) fn leave(&mut self) {
        if let Some(poll) = self.poll.take() {
            let _ = poll.send(Reply::Packets(b"6".to_vec()));
        }
        self.release_post();
    }
}

/// The poll that a handshake is: its mail for the new session, and its reply.
pub(super) fn first() -> (Mail, impl Future<Output = Reply> + Send + 'static) {
    let (sender, reply) = oneshot::channel();
    (Mail::Poll(sender), async { reply.await.unwrap_or(Reply::Refused(Refusal::UnknownSession)) })
}

/// Serves a GET.
pub(super) async fn poll(outbox: Arc<Outbox>) -> Reply {
    let (sender, reply) = oneshot::channel();
    ask(&outbox, Mail::Poll(sender), reply).await
}

/// Serves a POST.
pub(super) async fn post(outbox: Arc<Outbox>, body: Incoming, length_max: usize, timeout: Duration) -> Reply {
    if !outbox.post() {
        outbox.kill("transport error");
        return Reply::Refused(Refusal::BadRequest);
    }
    let mut posting = Posting { outbox: &outbox, done: false };
    let reply = match tokio::time::timeout(timeout, collect(body, length_max)).await {
        Ok(Ok(Some(body))) => {
            let (sender, reply) = oneshot::channel();
            ask(&outbox, Mail::Post(body, sender), reply).await
        }
        Ok(Ok(None)) => Reply::Refused(Refusal::TooLarge),
        Ok(Err(())) => Reply::Refused(Refusal::BadRequest),
        // The client stands in the middle of its body; the guard ends the session.
        Err(_) => return Reply::Refused(Refusal::BadRequest),
    };
    posting.done = true;
    reply
}

async fn ask(outbox: &Outbox, mail: Mail, reply: oneshot::Receiver<Reply>) -> Reply {
    if outbox.mail(mail).is_err() {
        return Reply::Refused(Refusal::UnknownSession);
    }
    reply.await.unwrap_or(Reply::Refused(Refusal::UnknownSession))
}

/// The body as text; none if it is too large.
async fn collect(mut body: Incoming, length_max: usize) -> Result<Option<String>, ()> {
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
struct Posting<'a> {
    outbox: &'a Outbox,
    done: bool,
}

impl Drop for Posting<'_> {
    fn drop(&mut self) {
        self.outbox.posted();
        if !self.done {
            self.outbox.kill("transport error");
        }
    }
}
