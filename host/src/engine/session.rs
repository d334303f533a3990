//! The task of one Engine.IO session, from the handshake to the return of the last call.
//!
//! The task never awaits one thing alone. Each turn takes the commands, reads once, polls the protocol side, and writes
//! everything that came of it in one write; whatever is not ready has registered its waker. The session outlives its transport:
//! after `closed` the task goes on until the protocol side has nothing left to do.

mod deadlines;
mod ending;
mod state;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    sync::oneshot::Sender,
    time::{Instant, Sleep, sleep_until},
};

use self::state::{Pause, Session, SessionState, Transport};
use super::{
    command::Command,
    decoder::Violation,
    handshake::{self, NewSession},
    heartbeat::Heartbeat,
    outbox::{CloseRequest, Outbox},
    payload,
    polling::{HeldRequests, PollOutcome},
    probe::{Probe, ProbeStatus},
    protocol::EngineRequest,
    response::{PollingResponse, Refusal},
    server::Engine,
    session_end::{Delivery, SessionEnd},
    websocket::{ReadOutcome, Websocket},
};
use crate::{event_loops::Seat, frame::Frame, reason::DisconnectReason, turn::go_on_later};

/// A turn that finds more to do goes on for so long. Then the other connections of the loop have their turn.
const TURN: Duration = Duration::from_micros(500);

/// The transport with which a session begins.
pub(super) enum InitialTransport {
    /// A websocket, and the head of the response to its handshake, which is not yet written.
    Websocket(Websocket, Vec<u8>),
    /// The handshake request, which is also the first long poll.
    Polling(Command),
}

/// Makes a session and its task, on the loop of whoever calls, which is that of the seat.
pub(super) fn start(engine: &Arc<Engine>, new_session: NewSession, seat: Seat, transport: InitialTransport) {
    let NewSession { session_id, permit, request, .. } = new_session;
    let is_websocket = matches!(transport, InitialTransport::Websocket(..));
    let (bytes_max, conn) = (engine.options.outbox_bytes_max, engine.next_connection());
    let (waiting, event_loop) = (Arc::clone(&engine.waiting), Arc::clone(seat.event_loop()));
    let outbox = Arc::new(Outbox::new(bytes_max, waiting, is_websocket, conn, event_loop));
    tracing::debug!(conn, address = %request.address, transport = outbox.transport(), "a connection is opened");
    let open = handshake::open_packet(&engine.options, session_id, is_websocket);
    let transport = match transport {
        InitialTransport::Websocket(websocket, head) => {
            outbox.push_engine_frame(Frame::raw(head));
            Transport::Websocket(websocket)
        }
        InitialTransport::Polling(poll) => {
            // Only the outbox of a session that has ended returns a command, and this one has not begun.
            let _ = outbox.send(poll);
            Transport::Polling(HeldRequests::new())
        }
    };
    outbox.push_engine_frame(open);
    engine.registry.add(session_id, Arc::clone(&outbox), request.address);
    engine.counters.opened(is_websocket);
    if let Some(&reason) = engine.closing.get() {
        outbox.close_for_shutdown(reason);
    }
    let session = Session {
        engine: Arc::clone(engine),
        protocol: engine.factory.open(Arc::new(request), Arc::clone(&outbox)),
        outbox,
        transport,
        probe: None,
        heartbeat: Heartbeat::new(Instant::now(), engine.options.ping_interval),
        pause: Pause::No,
        state: SessionState::Open,
        is_protocol_done: false,
        session_id,
        _permit: permit,
        _seat: seat,
        _task: engine.sessions.begin(),
    };
    // Ends with the connection and its last call; `close_all` ends all of them.
    tokio::spawn(session.run());
}

impl Session {
    #[expect(clippy::manual_async_fn, reason = "an async fn keeps the session twice in its future")]
    fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            let mut timer = std::pin::pin!(sleep_until(self.heartbeat.deadline()));
            // The OPEN packet is written before anything is read, so that it also comes before whatever ends the session.
            poll_fn(|cx| Poll::Ready(self.write(cx))).await;
            poll_fn(|cx| self.turn(cx, timer.as_mut())).await;
            self.outbox.task_ended().into_iter().for_each(|command| self.receive(command));
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<()> {
        let mut begun = None;
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
            // The write has ended the session: the protocol side has been closed and has yet to be polled.
            more |= was_open && !self.is_open();
            if self.is_protocol_done && matches!(self.state, SessionState::Gone) {
                return Poll::Ready(());
            }
            more |= self.check_deadlines(cx, timer.as_mut(), blocked);
            if !more && self.outbox.end_turn(blocked) {
                return Poll::Pending;
            }
            // Most turns end above, and read no clock.
            if begun.get_or_insert_with(Instant::now).elapsed() > TURN {
                go_on_later(cx);
                return Poll::Pending;
            }
        }
    }

    fn apply_requests(&mut self, close_request: Option<CloseRequest>, commands: Vec<Command>) {
        commands.into_iter().for_each(|command| self.receive(command));
        match close_request {
            Some(CloseRequest::Disconnect) if self.is_open() => {
                self.protocol.closing();
                self.end(SessionEnd::new(DisconnectReason::ForcedClose, Delivery::Flush(1000)));
            }
            Some(CloseRequest::Shutdown(reason)) => self.shut_down(reason),
            Some(CloseRequest::Abort(reason)) => self.abort(reason),
            Some(CloseRequest::Slow(limit)) => self.abort_slow(limit),
            Some(CloseRequest::Disconnect) | None => {}
        }
    }

    fn receive(&mut self, command: Command) {
        let is_over = matches!(self.state, SessionState::Gone);
        let may_probe = self.is_open() && self.probe.is_none();
        match (command, &mut self.transport) {
            (Command::Poll(poll), Transport::Polling(polling)) if !is_over => {
                if let Err(second) = polling.hold_poll(poll) {
                    let _ = second.send(PollingResponse::Refused(Refusal::BadRequest));
                    self.abort(DisconnectReason::TransportError);
                }
            }
            (Command::Post(body, post), Transport::Polling(_)) if !is_over => self.post(&body, post),
            (Command::Probe(request), Transport::Polling(_)) if may_probe => match request.accept() {
                Ok(websocket) => {
                    let deadline = Instant::now() + self.engine.options.upgrade_timeout;
                    self.probe = Some(Box::new(Probe::new(websocket, deadline)));
                }
                // The session stays on polling.
                Err(error) => self.engine.log.accept(&error),
            },
            (Command::Poll(request) | Command::Post(_, request), _) => {
                let refusal = if is_over { Refusal::UnknownSession } else { Refusal::BadRequest };
                let _ = request.send(PollingResponse::Refused(refusal));
            }
            (Command::DisconnectSocket(socket), _) => {
                if let Some(namespace) = self.protocol.disconnect_socket(socket) {
                    self.engine.log.slow_socket(self.outbox.connection(), &namespace);
                }
            }
            // A second websocket, as in Node: the handshake was granted, and the websocket is closed.
            (Command::Probe(request), _) => self.engine.close_probe(*request),
        }
    }

    fn post(&mut self, body: &str, post: Sender<PollingResponse>) {
        for packet in payload::split(body) {
            if !self.is_open() {
                break;
            }
            let (_, mut inbound) = self.transport_and_inbound();
            if let Err(end) = inbound.packet(packet) {
                self.end_by_client(end);
            }
        }
        if let Transport::Polling(polling) = &mut self.transport {
            polling.hold_post(post);
        }
        // `read`, which follows in this turn, answers the POST unless reading pauses.
    }

    /// Reads once. True if there may be more.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        match self.state {
            SessionState::Open => {}
            SessionState::Closing { .. } | SessionState::Gone => {
                if let Transport::Polling(polling) = &mut self.transport {
                    polling.release_post();
                }
                return false;
            }
        }
        let is_paused = self.is_paused();
        let length_max = self.engine.options.payload_bytes_max;
        let (transport, mut inbound) = self.transport_and_inbound();
        let websocket = match transport {
            Transport::Polling(polling) => {
                if !is_paused {
                    polling.release_post();
                }
                if polling.is_client_gone(cx) {
                    self.end_gone(DisconnectReason::TransportError);
                }
                return false;
            }
            Transport::Websocket(_) if is_paused => return false,
            Transport::Websocket(websocket) => websocket,
        };
        let mut pong = None;
        let read = websocket.read(cx, length_max, &mut |message| inbound.message(message, &mut pong));
        if let Some(data) = pong {
            websocket.queue_pong(&data);
        }
        match read {
            ReadOutcome::Idle => return false,
            ReadOutcome::More | ReadOutcome::Stopped => {}
            ReadOutcome::Ended(end) => self.end_by_client(end),
            ReadOutcome::Violation(violation) => {
                if violation == Violation::TooBig {
                    self.engine.log.message(Some(self.outbox.connection()), self.engine.options.payload_bytes_max);
                }
                self.end(SessionEnd::violation(violation))
            }
            // A reset and an end of the stream have the same reason, as in Node.
            ReadOutcome::Gone => self.end_gone(DisconnectReason::TransportClose),
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
            self.engine.log.paused();
            self.pause = Pause::Until(Instant::now() + self.engine.options.ping_timeout / 2);
        }
        matches!(self.pause, Pause::Until(_))
    }

    /// Polls the protocol side. True if that changed something that this turn has passed already.
    fn poll_protocol(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_protocol_done {
            return false;
        }
        match self.protocol.poll(cx) {
            Poll::Pending => !matches!(self.pause, Pause::No) && self.is_open() && self.protocol.accepts(),
            Poll::Ready(EngineRequest::Done) => {
                self.is_protocol_done = !self.is_open();
                false
            }
            Poll::Ready(EngineRequest::Close(reason)) => {
                self.end(SessionEnd::new(reason, Delivery::Flush(1000)));
                true
            }
        }
    }

    /// Advances the upgrade to a websocket, if one is under way. True if the session is on the websocket now.
    fn advance_upgrade(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(probe) = &mut self.probe else { return false };
        match probe.advance(cx, self.engine.options.payload_bytes_max) {
            ProbeStatus::Pending => false,
            ProbeStatus::Failed => {
                self.end_probe();
                false
            }
            ProbeStatus::Upgraded => {
                if let Some(probe) = self.probe.take() {
                    let before = std::mem::replace(&mut self.transport, Transport::Websocket(probe.websocket));
                    if let Transport::Polling(mut polling) = before {
                        polling.release_all();
                    }
                    self.outbox.set_websocket();
                    self.engine.counters.upgraded();
                    tracing::debug!(conn = self.outbox.connection(), "a connection is upgraded to websocket");
                }
                true
            }
        }
    }

    /// Writes what is queued. True if the transport takes no more now.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        if matches!(self.state, SessionState::Gone) {
            return true;
        }
        match &mut self.transport {
            Transport::Websocket(websocket) => match websocket.write(cx, |batch, written| self.outbox.refill(batch, written)) {
                Poll::Pending => {
                    websocket.count_as_waiting(self.outbox.waiting());
                    return true;
                }
                Poll::Ready(Ok(())) => return self.close_written(),
                Poll::Ready(Err(_)) => self.end_gone(DisconnectReason::TransportClose),
            },
            Transport::Polling(polling) => {
                let last_packet = match (&self.state, &self.probe) {
                    (SessionState::Closing { delivery: Delivery::LeftToClient, .. }, _) => Some(payload::NOOP),
                    (SessionState::Closing { .. }, _) => Some(payload::CLOSE),
                    (_, Some(probe)) if probe.waits_for_poll() => Some(payload::NOOP),
                    _ => None,
                };
                match polling.answer_poll(&self.outbox, self.engine.options.payload_bytes_max, last_packet) {
                    PollOutcome::Waiting => return false,
                    PollOutcome::LastSent if !matches!(self.state, SessionState::Open) => self.release_transport(),
                    PollOutcome::NoPoll | PollOutcome::LastSent => {}
                    PollOutcome::ClientGone => self.end_gone(DisconnectReason::TransportError),
                }
            }
        }
        true
    }
}
