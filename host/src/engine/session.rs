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
    handshake::{self, NewSession},
    heartbeat::Heartbeat,
    inbound::{Delivery, Inbound, SessionEnd},
    limits::AddressPermit,
    outbox::CloseRequest,
    payload,
    polling::{Command, HeldRequests, LastPacket, PollOutcome, PollingResponse},
    probe::{Probe, ProbeStatus},
    registry::SessionId,
    response::Refusal,
    websocket::{ReadOutcome, Websocket},
};
use crate::frame::Frame;
mod deadlines;
mod ending;

pub(super) struct Session {
    engine: Arc<Engine>,
    outbox: Arc<Outbox>,
    protocol: Box<dyn Protocol>,
    transport: Transport,
    probe: Option<Box<Probe>>,
    heartbeat: Heartbeat,
    pause: Pause,
    state: SessionState,
    /// `protocol` said that it has nothing left to do.
    done: bool,
    session_id: SessionId,
    _address_permit: AddressPermit,
}

/// What a session begins with.
pub(super) enum InitialTransport {
    /// A websocket, and the head of the response to its handshake, which is not yet written.
    Websocket(Websocket, Vec<u8>),
    /// The poll that the handshake is.
    Polling(Command),
}

enum Transport {
    Websocket(Websocket),
    Polling(HeldRequests),
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
enum SessionState {
    Open,
    /// `protocol` knows of the end; the client still gets what is queued, then a close frame with this code.
    Closing {
        until: Instant,
        code: u16,
    },
    /// All is written; the stream is kept until the client closes it.
    Lingering {
        until: Instant,
        write_shut_down: bool,
    },
    /// The transport is of no use any more.
    Gone,
}

impl Session {
    /// Makes a session and its task. `new_session` is what opened it.
    pub(super) fn start(engine: &Arc<Engine>, new_session: NewSession, transport: InitialTransport) {
        let NewSession { session_id, address_permit, request, .. } = new_session;
        let is_websocket = matches!(transport, InitialTransport::Websocket(..));
        let outbox = Arc::new(Outbox::new(engine.options.outbox_bytes_max, is_websocket));
        let open = handshake::open_packet(&engine.options, session_id, is_websocket);
        let transport = match transport {
            InitialTransport::Websocket(websocket, head) => {
                outbox.push_engine_frame(Frame::raw(head));
                Transport::Websocket(websocket)
            }
            InitialTransport::Polling(poll) => {
                // The session has not ended; it has not begun.
                let _ = outbox.send(poll);
                Transport::Polling(HeldRequests::default())
            }
        };
        outbox.push_engine_frame(open);
        engine.session_begins();
        engine.registry.add(session_id, Arc::clone(&outbox));
        if let Some(reason) = engine.closing.get() {
            outbox.close_for_shutdown(reason);
        }
        let session = Self {
            engine: Arc::clone(engine),
            protocol: engine.factory.open(Arc::new(request), Arc::clone(&outbox)),
            outbox,
            transport,
            probe: None,
            heartbeat: Heartbeat::new(Instant::now(), engine.options.ping_interval),
            pause: Pause::No,
            state: SessionState::Open,
            done: false,
            session_id,
            _address_permit: address_permit,
        };
        // Ends with the connection and its last call; `close_all` ends all of them.
        tokio::spawn(session.run());
    }

    #[expect(clippy::manual_async_fn, reason = "an async fn keeps the session twice in its future")]
    fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let mut clock = std::pin::pin!(sleep_until(self.heartbeat.deadline()));
            // What opens the session goes out before anything is read: the end of it must not overtake its beginning.
            poll_fn(|cx| Poll::Ready(self.write(cx))).await;
            poll_fn(|cx| self.turn(cx, clock.as_mut())).await;
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>, mut clock: Pin<&mut Sleep>) -> Poll<()> {
        loop {
            let (close_request, commands) = self.outbox.begin_turn(cx.waker());
            if close_request.is_some() || !commands.is_empty() {
                self.apply_requests(close_request, commands);
            }
            let mut more = self.read(cx);
            more |= self.advance_upgrade(cx);
            more |= self.poll_protocol(cx);
            let was_open = self.is_open();
            let blocked = self.write(cx);
            // An end that came to light while writing: the socket side has been told and has yet to be driven.
            more |= was_open && !self.is_open();
            if self.done && matches!(self.state, SessionState::Gone) {
                return Poll::Ready(());
            }
            more |= self.check_deadlines(cx, clock.as_mut());
            if !more && self.outbox.end_turn(blocked) {
                return Poll::Pending;
            }
        }
    }

    fn apply_requests(&mut self, close_request: Option<CloseRequest>, commands: Vec<Command>) {
        commands.into_iter().for_each(|command| self.receive(command));
        match close_request {
            Some(CloseRequest::Disconnect) if self.is_open() => {
                self.protocol.closing();
                self.end(SessionEnd::new("forced close", Delivery::Flush(1000)));
            }
            Some(CloseRequest::Shutdown(reason)) => self.end(SessionEnd::new(reason, Delivery::Flush(1001))),
            Some(CloseRequest::Abort(reason)) => self.abort_with_reset(reason),
            Some(CloseRequest::Disconnect) | None => {}
        }
    }

    fn receive(&mut self, command: Command) {
        let is_over = matches!(self.state, SessionState::Gone | SessionState::Lingering { .. });
        match (command, &mut self.transport) {
            (Command::Poll(poll), Transport::Polling(polling)) if !is_over => {
                if let Err(second) = polling.hold_poll(poll) {
                    let _ = second.send(PollingResponse::Refused(Refusal::BadRequest));
                    self.abort("transport error");
                }
            }
            (Command::Post(body, post), Transport::Polling(_)) if !is_over => self.post(&body, post),
            (Command::Probe(websocket), Transport::Polling(_)) => {
                if self.is_open() && self.probe.is_none() {
                    let until = Instant::now() + self.engine.options.upgrade_timeout;
                    self.probe = Some(Box::new(Probe::new(*websocket, until)));
                }
            }
            (Command::Poll(request) | Command::Post(_, request), _) => {
                let refusal = if is_over { Refusal::UnknownSession } else { Refusal::BadRequest };
                let _ = request.send(PollingResponse::Refused(refusal));
            }
            (Command::Probe(_), _) => {}
        }
    }

    fn post(&mut self, body: &str, post: tokio::sync::oneshot::Sender<PollingResponse>) {
        for packet in payload::split(body) {
            if !self.is_open() {
                break;
            }
            if let Err(end) = self.inbound().packet(packet) {
                self.end(end);
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
        match self.state {
            SessionState::Open => {}
            SessionState::Lingering { .. } => {
                self.linger(cx);
                return false;
            }
            SessionState::Closing { .. } | SessionState::Gone => {
                if let Transport::Polling(polling) = &mut self.transport {
                    polling.release_post();
                }
                return false;
            }
        }
        let paused = self.is_paused();
        let mut pong = None;
        let websocket = match &mut self.transport {
            Transport::Polling(polling) => {
                if !paused {
                    polling.release_post();
                }
                if polling.is_client_gone(cx) {
                    self.abort("transport error");
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
            websocket.queue_pong(&data);
        }
        match read {
            ReadOutcome::Idle => return false,
            ReadOutcome::More | ReadOutcome::Stopped => {}
            ReadOutcome::Ended(end) => self.end(end),
            ReadOutcome::Violation(violation) => self.end(SessionEnd::violation(violation)),
            // A reset is told from an end by nobody, as in Node.
            ReadOutcome::Gone => self.abort("transport close"),
        }
        true
    }

    /// Whether reading pauses now.
    fn is_paused(&mut self) -> bool {
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
    fn poll_protocol(&mut self, cx: &mut Context<'_>) -> bool {
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
                self.end(SessionEnd::new(reason, Delivery::Flush(1000)));
                true
            }
        }
    }

    /// Looks after a websocket that wants to take over. True if it did.
    fn advance_upgrade(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(probe) = &mut self.probe else { return false };
        match probe.advance(cx, self.engine.options.payload_bytes_max) {
            ProbeStatus::Pending => false,
            ProbeStatus::Failed => {
                self.probe = None;
                false
            }
            ProbeStatus::Upgraded => {
                if let Some(probe) = self.probe.take() {
                    let before = mem::replace(&mut self.transport, Transport::Websocket(probe.websocket));
                    if let Transport::Polling(mut polling) = before {
                        polling.release_all();
                    }
                    self.outbox.set_websocket();
                }
                true
            }
        }
    }

    /// Writes what is queued. True if the transport takes no more now.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        if matches!(self.state, SessionState::Gone | SessionState::Lingering { .. }) {
            return true;
        }
        match &mut self.transport {
            Transport::Websocket(websocket) => match websocket.write(cx, &self.outbox) {
                Poll::Pending => true,
                Poll::Ready(Ok(())) => self.begin_linger(cx),
                Poll::Ready(Err(_)) => self.abort_in_write("transport close"),
            },
            Transport::Polling(polling) => {
                let last_packet = match (&self.state, &self.probe) {
                    (SessionState::Closing { .. }, _) => LastPacket::Close,
                    (_, Some(probe)) if probe.waits_for_poll() => LastPacket::Noop,
                    _ => LastPacket::None,
                };
                match polling.answer_poll(&self.outbox, self.engine.options.payload_bytes_max, last_packet) {
                    PollOutcome::NoPoll => true,
                    PollOutcome::Waiting => false,
                    PollOutcome::Closed => self.abort_in_write("transport close"),
                    PollOutcome::ClientGone => self.abort_in_write("transport error"),
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, SessionState::Open)
    }
}
