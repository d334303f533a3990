//! One Engine.IO session: the task that owns a connection from its handshake to its last call.
//!
//! The task never awaits one thing alone. Each turn looks at the mailbox, reads once, drives the socket side and writes all
//! that came of it in one write; whatever is not ready has left its waker. The session outlives its transport: after `closed`
//! it goes on until the socket side has nothing left to do.

use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    Engine, EngineRequest, Outbox, Protocol,
    handshake::{self, Entry},
    heartbeat::Heartbeat,
    inbound::{Ending, Inbound, Manner},
    limits::Slot,
    outbox::Wish,
    payload,
    polling::{Answered, Mail, Polling, Reply, Tail},
    probe::{Probe, Step},
    registry::Sid,
    reply::Refusal,
    websocket::{Read, Websocket},
};
use crate::frame::Frame;
mod clock;
mod ending;

pub(super) struct Session {
    engine: Arc<Engine>,
    outbox: Arc<Outbox>,
    protocol: Box<dyn Protocol>,
    transport: Transport,
    probe: Option<Box<Probe>>,
    heartbeat: Heartbeat,
    pause: Pause,
    life: Life,
    /// `protocol` said that it has nothing left to do.
    done: bool,
    sid: Sid,
    _slot: Slot,
}

/// What a session begins with.
pub(super) enum Opening {
    /// A websocket, and the head of the response to its handshake, which is not yet written.
    Websocket(Websocket, Vec<u8>),
    /// The poll that the handshake is.
    Polling(Mail),
}

enum Transport {
    Websocket(Websocket),
    Polling(Polling),
}

/// Whether reading pauses because the socket side has enough.
enum Pause {
    No,
    /// At the latest then it ends, or the client's PONG would never be read.
    Until(Instant),
    /// It was long enough; reading goes on until the socket side has caught up once.
    Over,
}

#[derive(Clone, Copy)]
enum Life {
    Open,
    /// `protocol` knows of the end; the client still gets what is queued, then a close frame with this code.
    Closing {
        until: Instant,
        code: u16,
    },
    /// All is written; the stream is kept until the client closes it.
    Lingering {
        until: Instant,
        shut: bool,
    },
    /// The transport is of no use any more.
    Gone,
}

impl Session {
    /// Makes a session and its task. `entry` is what opened it.
    pub(super) fn start(engine: &Arc<Engine>, entry: Entry, opening: Opening) {
        let Entry { sid, slot, request, .. } = entry;
        let websocket = matches!(opening, Opening::Websocket(..));
        let outbox = Arc::new(Outbox::new(engine.options.outbox_bytes_max, websocket));
        let open = handshake::open_packet(&engine.options, sid, websocket);
        let transport = match opening {
            Opening::Websocket(websocket, head) => {
                outbox.own(Frame::raw(head));
                Transport::Websocket(websocket)
            }
            Opening::Polling(mail) => {
                // The session has not ended; it has not begun.
                let _ = outbox.mail(mail);
                Transport::Polling(Polling::default())
            }
        };
        outbox.own(open);
        engine.session_begins();
        engine.registry.add(sid, Arc::clone(&outbox));
        if let Some(reason) = engine.closing.get() {
            outbox.stop(reason);
        }
        let session = Self {
            engine: Arc::clone(engine),
            protocol: engine.factory.open(Arc::new(request), Arc::clone(&outbox)),
            outbox,
            transport,
            probe: None,
            heartbeat: Heartbeat::new(Instant::now(), engine.options.ping_interval),
            pause: Pause::No,
            life: Life::Open,
            done: false,
            sid,
            _slot: slot,
        };
        // Ends with the connection and its last call; `close_all` ends all of them.
        tokio::spawn(session.run());
    }

    #[expect(clippy::manual_async_fn, reason = "an async fn keeps the session twice in its future")]
    fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let mut clock = std::pin::pin!(sleep_until(self.heartbeat.at()));
            // What opens the session goes out before anything is read: the end of it must not overtake its beginning.
            poll_fn(|cx| Poll::Ready(self.write(cx))).await;
            poll_fn(|cx| self.turn(cx, clock.as_mut())).await;
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>, mut clock: Pin<&mut Sleep>) -> Poll<()> {
        loop {
            let (wish, mail) = self.outbox.news(cx.waker());
            if wish.is_some() || !mail.is_empty() {
                self.hear(wish, mail);
            }
            let mut more = self.read(cx);
            more |= self.upgrade(cx);
            more |= self.drive(cx);
            let was_open = self.is_open();
            let blocked = self.write(cx);
            // An end that came to light while writing: the socket side has been told and has yet to be driven.
            more |= was_open && !self.is_open();
            if self.done && matches!(self.life, Life::Gone) {
                return Poll::Ready(());
            }
            more |= self.ring(cx, clock.as_mut());
            if !more && self.outbox.rest(blocked) {
                return Poll::Pending;
            }
        }
    }

    fn hear(&mut self, wish: Option<Wish>, mail: Vec<Mail>) {
        mail.into_iter().for_each(|mail| self.receive(mail));
        match wish {
            Some(Wish::Close) if self.is_open() => {
                self.protocol.closing();
                self.finish(Ending::new("forced close", Manner::Deliver(1000)));
            }
            Some(Wish::Stop(reason)) => self.finish(Ending::new(reason, Manner::Deliver(1001))),
            Some(Wish::Dead(reason)) => self.kill(reason),
            Some(Wish::Close) | None => {}
        }
    }

    fn receive(&mut self, mail: Mail) {
        let gone = matches!(self.life, Life::Gone | Life::Lingering { .. });
        match (mail, &mut self.transport) {
            (Mail::Poll(poll), Transport::Polling(polling)) if !gone => {
                if let Err(second) = polling.hold(poll) {
                    let _ = second.send(Reply::Refused(Refusal::BadRequest));
                    self.die("transport error");
                }
            }
            (Mail::Post(body, post), Transport::Polling(_)) if !gone => self.post(&body, post),
            (Mail::Probe(websocket), Transport::Polling(_)) => {
                if self.is_open() && self.probe.is_none() {
                    let until = Instant::now() + self.engine.options.upgrade_timeout;
                    self.probe = Some(Box::new(Probe::new(*websocket, until)));
                }
            }
            (Mail::Poll(request) | Mail::Post(_, request), _) => {
                let refusal = if gone { Refusal::UnknownSession } else { Refusal::BadRequest };
                let _ = request.send(Reply::Refused(refusal));
            }
            (Mail::Probe(_), _) => {}
        }
    }

    fn post(&mut self, body: &str, post: tokio::sync::oneshot::Sender<Reply>) {
        for packet in payload::split(body) {
            if !self.is_open() {
                break;
            }
            if let Err(ending) = self.inbound().packet(packet) {
                self.finish(ending);
            }
        }
        if let Transport::Polling(polling) = &mut self.transport {
            polling.hold_post(post);
        }
        // `read`, which follows in this turn, lets it go unless reading pauses.
    }

    fn inbound(&mut self) -> Inbound<'_> {
        Inbound {
            protocol: &mut *self.protocol,
            heartbeat: &mut self.heartbeat,
            ping_interval: self.engine.options.ping_interval,
        }
    }

    /// Reads once. True if there may be more.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        match self.life {
            Life::Open => {}
            Life::Lingering { .. } => {
                self.linger(cx);
                return false;
            }
            Life::Closing { .. } | Life::Gone => {
                if let Transport::Polling(polling) = &mut self.transport {
                    polling.release_post();
                }
                return false;
            }
        }
        let paused = self.pauses();
        let mut pong = None;
        let websocket = match &mut self.transport {
            Transport::Polling(polling) => {
                if !paused {
                    polling.release_post();
                }
                if polling.gone(cx) {
                    self.die("transport error");
                }
                return false;
            }
            Transport::Websocket(_) if paused => return false,
            Transport::Websocket(websocket) => websocket,
        };
        let mut inbound = Inbound {
            protocol: &mut *self.protocol,
            heartbeat: &mut self.heartbeat,
            ping_interval: self.engine.options.ping_interval,
        };
        let length_max = self.engine.options.payload_bytes_max;
        let read = websocket.read(cx, length_max, &mut |message| inbound.message(message, &mut pong));
        if let Some(data) = pong {
            websocket.pong(&data);
        }
        match read {
            Read::Idle => return false,
            Read::More | Read::Stopped => {}
            Read::Ended(ending) => self.finish(ending),
            Read::Violation(violation) => self.finish(Ending::violation(violation)),
            // A reset is told from an end by nobody, as in Node.
            Read::Gone => self.die("transport close"),
        }
        true
    }

    /// Whether reading pauses now.
    fn pauses(&mut self) -> bool {
        if self.protocol.accepts() {
            self.pause = Pause::No;
            return false;
        }
        if let Pause::No = self.pause {
            self.pause = Pause::Until(Instant::now() + self.engine.options.ping_timeout / 2);
        }
        matches!(self.pause, Pause::Until(_))
    }

    /// Drives the socket side. True if it changed something that this turn has passed already.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        if self.done {
            return false;
        }
        match self.protocol.poll(cx) {
            Poll::Pending => !matches!(self.pause, Pause::No) && self.is_open() && self.protocol.accepts(),
            Poll::Ready(EngineRequest::Done) => {
                self.done = !self.is_open();
                false
            }
            Poll::Ready(EngineRequest::Close(reason)) => {
                self.finish(Ending::new(reason, Manner::Deliver(1000)));
                true
            }
        }
    }

    /// Looks after a websocket that wants to take over. True if it did.
    fn upgrade(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(probe) = &mut self.probe else { return false };
        match probe.turn(cx, self.engine.options.payload_bytes_max) {
            Step::Waits => false,
            Step::Failed => {
                self.probe = None;
                false
            }
            Step::Upgraded => {
                if let Some(probe) = self.probe.take() {
                    let before = mem::replace(&mut self.transport, Transport::Websocket(probe.websocket));
                    if let Transport::Polling(mut polling) = before {
                        polling.leave();
                    }
                    self.outbox.upgraded();
                }
                true
            }
        }
    }

    /// Writes what is queued. True if the transport takes no more now.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        if matches!(self.life, Life::Gone | Life::Lingering { .. }) {
            return true;
        }
        match &mut self.transport {
            Transport::Websocket(websocket) => match websocket.write(cx, &self.outbox) {
                Poll::Pending => true,
                Poll::Ready(Ok(())) => self.written(cx),
                Poll::Ready(Err(_)) => self.lost("transport close"),
            },
            Transport::Polling(polling) => {
                let tail = match (&self.life, &self.probe) {
                    (Life::Closing { .. }, _) => Tail::Close,
                    (_, Some(probe)) if probe.probed() => Tail::Noop,
                    _ => Tail::Nothing,
                };
                match polling.answer(&self.outbox, self.engine.options.payload_bytes_max, tail) {
                    Answered::NoPoll => true,
                    Answered::Waits => false,
                    Answered::Closed => self.lost("transport close"),
                    Answered::Lost => self.lost("transport error"),
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.life, Life::Open)
    }
}
